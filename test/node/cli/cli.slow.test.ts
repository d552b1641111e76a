/** The command line as a user calls it: in a process of its own, from what the build made. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openOverlay } from "../../../node/index.ts";

const program = fileURLToPath(new URL("../../../bin/minifo.js", import.meta.url));

let place: string;
let site: string;
let storage: string;

function minifo(...words: string[]) {
  const env = { ...process.env, NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], {
    encoding: "utf8",
    env,
    cwd: place,
  });
  return { status, stdout, stderr };
}

/** Changes a bit of everything, through the programs' API. */
async function change(): Promise<void> {
  const overlay = await openOverlay({ base: site, storage });
  const fs = overlay.fs.promises;
  await fs.writeFile("/docs/a.txt", "one\ntwo changed\nthree\n");
  await fs.unlink("/docs/b.txt");
  await fs.rename("/deep", "/moved");
  await fs.appendFile("/moved/leaf", "appended\n");
  await fs.chmod("/script", 0o755);
  await fs.writeFile("/new\u001b[31m.txt", "new\n");
  await fs.writeFile("/picture.bin", new Uint8Array([0, 1, 2, 3]));
  await fs.link("/script", "/linked");
  await fs.unlink("/replaced");
  await fs.mkdir("/replaced");
  await overlay.close();
}

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "minifo-cli-"));
  site = join(place, "site");
  storage = join(place, "storage");
  for (const directory of ["docs", "deep"]) mkdirSync(join(site, directory), { recursive: true });
  writeFileSync(join(site, "docs/a.txt"), "one\ntwo\nthree\n");
  writeFileSync(join(site, "docs/b.txt"), "b\n");
  writeFileSync(join(site, "deep/leaf"), "leaf\n");
  writeFileSync(join(site, "script"), "#!/bin/sh\n", { mode: 0o644 });
  writeFileSync(join(site, "picture.bin"), new Uint8Array([0, 9, 9]));
  writeFileSync(join(site, "replaced"), "a file\n");
});

afterEach(() => rmSync(place, { recursive: true }));

describe("status", () => {
  test("tells each change once, and names cannot act on the terminal", async () => {
    await change();
    const { status, stdout, stderr } = minifo("status", storage);
    expect(stdout.trimEnd().split("\n")).toEqual(
      [
        "deleted     docs/b.txt",
        "modified    docs/a.txt",
        "created     linked (link to script)",
        "renamed     moved/ (from deep)",
        "modified    moved/leaf",
        'created     "new\\u001b[31m.txt"',
        "modified    picture.bin",
        "replaced    replaced/",
        "attributes  script",
      ].sort(byPath),
    );
    expect(stderr).toContain(`9 paths differ from ${site}`);
    expect(status).toBe(0);
  });

  test("as JSON is an array for machines", async () => {
    await change();
    const { stdout } = minifo("status", storage, "--json");
    const changes = JSON.parse(stdout) as { path: string }[];
    expect(changes.map(({ path }) => path)).toHaveLength(9);
    expect(changes).toContainEqual({
      path: "moved",
      state: "renamed",
      type: "directory",
      from: "deep",
      content: false,
      attributes: false,
    });
  });
});

describe("status over a base that moved", () => {
  test("tells behind each change what the base did, and how many that concerns", async () => {
    await change();
    writeFileSync(join(site, "docs/a.txt"), "one\ntwo of theirs\nthree\n");
    writeFileSync(join(site, "new\u001b[31m.txt"), "theirs\n");
    writeFileSync(join(site, "script"), "#!/bin/sh\nnew\n");
    rmSync(join(site, "docs/b.txt"));
    rmSync(join(site, "deep"), { recursive: true });
    const { stdout, stderr } = minifo("status", storage);
    const lines = stdout.trimEnd().split("\n");
    for (const line of [
      "deleted     docs/b.txt  base changed",
      "modified    docs/a.txt  conflict",
      'created     "new\\u001b[31m.txt"  both added',
      "renamed     moved/ (from deep)  origin missing",
      "attributes  script  behind",
    ]) {
      expect(lines).toContain(line);
    }
    expect(stderr).toMatch(/; the base moved under \d of them/);
    const changes = JSON.parse(minifo("status", storage, "--json").stdout);
    expect(changes).toContainEqual(expect.objectContaining({ path: "script", base: "behind" }));
  });
});

/** Lines of `status` in the order of their paths, however they begin. */
function byPath(a: string, b: string): number {
  const path = (line: string) =>
    line
      .slice(12)
      .replace(/^"new.*/, "new\u001b")
      .replace(/[/ ].*/, (rest) => rest.split(" ")[0] ?? "");
  return path(a) < path(b) ? -1 : 1;
}

describe("diff", () => {
  test("is a patch for text and a line for what is none", async () => {
    await change();
    const { stdout } = minifo("diff", storage);
    expect(stdout).toContain(
      "--- a/docs/a.txt\n+++ b/docs/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+two changed\n three\n",
    );
    expect(stdout).toContain("--- a/docs/b.txt\n+++ /dev/null\n");
    expect(stdout).toContain("--- a/deep/leaf\n+++ b/moved/leaf\n");
    expect(stdout).toContain("picture.bin: binary, 3 bytes → 4 bytes\n");
    expect(stdout).toContain("script: mode 0644 → 0755\n");
    expect(stdout).toContain("replaced: file replaced by directory");
  });

  test("of one path shows that alone, and says so where nothing differs", async () => {
    await change();
    expect(minifo("diff", storage, "/moved/").stdout).not.toContain("docs");
    const { status, stderr } = minifo("diff", storage, "no/such");
    expect(status).toBe(1);
    expect(stderr).toContain("nothing differs from the base there");
  });
});

describe("revert", () => {
  test("takes back what is named and lists it; the base was never touched", async () => {
    await change();
    const { stdout, status } = minifo("revert", storage, "docs", "moved");
    expect(status).toBe(0);
    expect(stdout.split("\n")).toEqual(
      expect.arrayContaining(["docs/a.txt", "docs/b.txt", "moved", "deep"]),
    );
    const left = JSON.parse(minifo("status", storage, "--json").stdout) as { path: string }[];
    expect(left.some(({ path }) => path.startsWith("docs") || path.startsWith("moved"))).toBe(
      false,
    );
    minifo("revert", storage, ".");
    expect(JSON.parse(minifo("status", storage, "--json").stdout)).toEqual([]);
    expect(readFileSync(join(site, "docs/a.txt"), "utf8")).toBe("one\ntwo\nthree\n");
  });
});

describe("a call that is wrong", () => {
  test("of the command line ends with 2 and shows how it is called", () => {
    for (const words of [
      ["mountt"],
      ["status"],
      ["serve", "x", "--port", "99999"],
      ["--no-such"],
      ["help", "mountt"],
      ["mount", site, place, "--storage", storage, "-o", "ro,qwerty"],
    ]) {
      const { status, stderr } = minifo(...words);
      expect([words, status]).toEqual([words, 2]);
      expect(stderr).toMatch(/^error: .*\n(.*\n)?\(minifo help [\w]+ shows how it is called\)\n$/);
    }
  });

  test("of what is not there ends with 1 and says what was being done to what, and why it failed", () => {
    const { status, stderr, stdout } = minifo("status", join(place, "none"));
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/ENOENT.*none.*there is no minifo storage/);
    const served = minifo("serve", join(place, "none"));
    expect(served.status).toBe(1);
    expect(served.stderr).toMatch(/ENOENT.*serve.*none/);
    // Once is enough, though Node's own message says it too.
    const indexed = minifo("index", join(place, "none")).stderr;
    expect(indexed.match(/no such file/g)).toHaveLength(1);
  });

  test("of nobody who reads: what leaves early has read enough, a full disk is told", async () => {
    await change();
    const script = (text: string) =>
      spawnSync("bash", ["-o", "pipefail", "-c", text, process.execPath, program, storage], {
        encoding: "utf8",
        env: { ...process.env, NO_COLOR: "1" },
      });
    const left = script('"$0" "$1" status "$2" 2>&1 | true');
    expect([left.status, left.stderr]).toEqual([0, ""]);
    const full = script('"$0" "$1" status "$2" >/dev/full');
    expect(full.status).toBe(1);
    expect(full.stderr).toContain("minifo: ENOSPC");
    expect(full.stderr).not.toContain("    at ");
  });
});

test("help teaches, for the whole and for each command", () => {
  const { stdout, status } = minifo("--help");
  expect(status).toBe(0);
  const commands = Array.from(
    stdout.matchAll(/^ {2}([a-z]+) [[<]/gm),
    ([, name]) => name as string,
  );
  expect(commands).toContain("import");
  for (const command of commands.filter((name) => name !== "help")) {
    expect(minifo("help", command).stdout).toMatch(/^Examples?:$/m);
  }
});
