/**
 * A real client of the programs' API: isomorphic-git clones a repository from a real git server into an overlay, works in
 * it, and finds it clean also after a remount. What it made is then checked by git itself.
 */
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import git from "isomorphic-git";
import http from "isomorphic-git/http/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MemoryBase } from "../src/base/memory.ts";
import { type FsPromises, fsOf } from "../src/fs/promises.ts";
import { run } from "../src/operation.ts";
import { Overlay } from "../src/overlay/overlay.ts";
import { MemoryDisk, openMemoryStorage } from "../src/storage/memory.ts";
import { type GitServer, serveGit } from "./isomorphic-git-server.ts";

const execute = promisify(execFile);
const author = { name: "Ada", email: "ada@example.org" };
const dir = "/project";

let scratch = "";
let server: GitServer;

/** Real git, deaf to what the user has configured. */
async function realGit(cwd: string, ...args: string[]): Promise<string> {
  const env = {
    PATH: process.env.PATH,
    HOME: scratch,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_AUTHOR_NAME: author.name,
    GIT_AUTHOR_EMAIL: author.email,
    GIT_COMMITTER_NAME: author.name,
    GIT_COMMITTER_EMAIL: author.email,
  };
  return (await execute("git", args, { cwd, env })).stdout;
}

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "minifo-git-"));
  const seed = join(scratch, "seed");
  await mkdir(join(seed, "docs/deep/er"), { recursive: true });
  await writeFile(join(seed, "README.md"), "# A project\n");
  await writeFile(join(seed, "run.sh"), "#!/bin/sh\necho hello\n");
  await chmod(join(seed, "run.sh"), 0o755);
  await symlink("README.md", join(seed, "LINK.md"));
  await writeFile(join(seed, "empty"), "");
  await writeFile(join(seed, "grüße.txt"), "Grüße\n");
  await writeFile(
    join(seed, "docs/blob"),
    new Uint8Array(300_000).map((_, n) => (n * n) >> 5),
  );
  for (let n = 0; n < 40; n += 1) await writeFile(join(seed, `docs/deep/er/${n}.txt`), `${n}\n`);
  await realGit(seed, "init", "--quiet", "--initial-branch=main");
  await realGit(seed, "add", ".");
  await realGit(seed, "commit", "--quiet", "--message=first");
  await writeFile(join(seed, "docs/deep/er/0.txt"), "zero\n");
  await realGit(seed, "commit", "--quiet", "--all", "--message=second");
  await mkdir(join(scratch, "served"));
  await realGit(scratch, "clone", "--quiet", "--bare", seed, join(scratch, "served/project.git"));
  const bare = join(scratch, "served/project.git");
  await realGit(bare, "config", "http.receivepack", "true");
  server = await serveGit(join(scratch, "served"));
});

afterAll(async () => {
  await server.close();
  await rm(scratch, { recursive: true, maxRetries: 10 });
});

describe("isomorphic-git", () => {
  const disk = new MemoryDisk();
  const base = new MemoryBase({ "index.html": "<p>the site below", "docs/a.html": "<p>a" });
  let overlay: Overlay;

  const mount = async () => {
    overlay = await run(Overlay.open({ base, storage: openMemoryStorage(disk) }));
    return fsOf(overlay);
  };

  /** What `git status` would name: every path that is not the same in HEAD, work tree and index. */
  const notClean = async (fs: { promises: FsPromises }) => {
    const rows = await git.statusMatrix({ fs, dir });
    return rows.filter((row) => row.slice(1).some((state) => state !== 1));
  };

  test("clones, and finds the clone clean", async () => {
    const fs = await mount();
    await git.clone({ fs, http, dir, url: `${server.url}project.git` });
    expect(await notClean(fs)).toEqual([]);
    expect((await git.log({ fs, dir })).map(({ commit }) => commit.message)).toEqual([
      "second\n",
      "first\n",
    ]);
    const { promises } = fs;
    expect(await promises.readFile(`${dir}/docs/deep/er/0.txt`, "utf8")).toBe("zero\n");
    expect(await promises.readlink(`${dir}/LINK.md`)).toBe("README.md");
    expect((await promises.stat(`${dir}/run.sh`)).mode & 0o111).not.toBe(0);
    expect((await promises.readFile(`${dir}/docs/blob`)).length).toBe(300_000);
  });

  test("sees what is changed, and commits it", async () => {
    const fs = fsOf(overlay);
    const { promises } = fs;
    await promises.appendFile(`${dir}/README.md`, "More.\n");
    await promises.writeFile(`${dir}/docs/new.txt`, "new\n");
    await promises.rename(`${dir}/docs/deep`, `${dir}/deep`);
    await promises.rm(`${dir}/empty`);
    const changed = (await notClean(fs)).map(([path]) => path);
    expect(changed).toContain("README.md");
    expect(changed).toContain("deep/er/7.txt");
    expect(changed).toContain("docs/deep/er/7.txt");
    expect(changed.length).toBe(3 + 40 * 2);
    for (const [filepath, , inWorkTree] of await notClean(fs)) {
      if (inWorkTree === 0) await git.remove({ fs, dir, filepath });
      else await git.add({ fs, dir, filepath });
    }
    await git.commit({ fs, dir, message: "third", author });
    expect(await notClean(fs)).toEqual([]);
  });

  test("finds it clean after a crash and a remount, without reading one file of the work tree", async () => {
    const fs = await mount();
    const { promises } = fs;
    const read: string[] = [];
    const watching = {
      promises: {
        ...promises,
        readFile: (path: string, options?: string) => {
          read.push(path);
          return promises.readFile(path, options ?? null);
        },
      },
    };
    expect(await notClean(watching as unknown as typeof fs)).toEqual([]);
    expect(read).toContain(`${dir}/.git/index`);
    expect(read.filter((path) => path !== undefined && !path.startsWith(`${dir}/.git/`))).toEqual(
      [],
    );
  });

  test("checks out another branch and comes back", async () => {
    const fs = fsOf(overlay);
    const { promises } = fs;
    await git.branch({ fs, dir, ref: "before", object: "origin/main" });
    await git.checkout({ fs, dir, ref: "before" });
    expect(await promises.readFile(`${dir}/docs/deep/er/0.txt`, "utf8")).toBe("zero\n");
    expect(await notClean(fs)).toEqual([]);
    await git.checkout({ fs, dir, ref: "main" });
    expect(await promises.readdir(`${dir}/deep/er`)).toHaveLength(40);
    expect(await notClean(fs)).toEqual([]);
  });

  test("pushes, and the server has it", async () => {
    const fs = fsOf(overlay);
    const { ok } = await git.push({ fs, http, dir, remote: "origin", ref: "main" });
    expect(ok).toBe(true);
    const log = await realGit(join(scratch, "served/project.git"), "log", "--format=%s", "main");
    expect(log).toBe("third\nsecond\nfirst\n");
  });

  test("left a repository and a work tree that git finds whole and clean", async () => {
    const { promises } = fsOf(overlay);
    const copy = join(scratch, "copy");
    await unpack(promises, dir, copy);
    await realGit(copy, "fsck", "--full", "--strict");
    expect(await realGit(copy, "status", "--porcelain")).toBe("");
    expect(await realGit(copy, "log", "--format=%s")).toBe("third\nsecond\nfirst\n");
  });

  test("left the base alone, and the site shows beside the project", async () => {
    const { promises } = fsOf(overlay);
    expect(await promises.readdir("/")).toEqual(["docs", "index.html", "project"]);
    expect(await promises.readFile("/docs/a.html", "utf8")).toBe("<p>a");
  });
});

/** Copies a tree of the overlay to a real directory. */
async function unpack(fs: FsPromises, from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const entry of await fs.readdir(from, { recursive: true, withFileTypes: true })) {
    const path = `${entry.parentPath}/${entry.name}`;
    const target = join(to, path.slice(from.length));
    await mkdir(dirname(target), { recursive: true });
    if (entry.isDirectory()) await mkdir(target, { recursive: true });
    else if (entry.isSymbolicLink()) await symlink(await fs.readlink(path), target);
    else {
      await writeFile(target, await fs.readFile(path));
      await chmod(target, (await fs.stat(path)).mode & 0o777);
    }
  }
}
