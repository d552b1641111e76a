/** isomorphic-git at work on a page's overlay: it clones, is asked for the status, changes, commits. */
import type { PageOverlay } from "../../../web/index.ts";
import { installBuffer } from "./buffer.ts";

/** Its bundle for pages, a classic script. */
type Git = typeof import("isomorphic-git").default;

/** What was found at each step. */
export interface GitFound {
  /** Messages of the commits that came with the clone, the newest first. */
  readonly cloned: readonly string[];
  /** Files that status names: after the clone, after changes, after the commit. */
  readonly dirty: readonly (readonly string[])[];
  /** Messages of all commits at the end. */
  readonly log: readonly string[];
  readonly files: readonly string[];
}

const dir = "/project";

async function load(script: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const element = document.createElement("script");
    element.src = script;
    element.onload = () => resolve();
    element.onerror = () => reject(new Error(`${script} could not be loaded`));
    document.head.append(element);
  });
}

/** Clones the repository at `url` into `/project` and works in it. */
export async function workWithGit({ fs }: PageOverlay, url: string): Promise<GitFound> {
  installBuffer();
  await load("/app/isomorphic-git.js");
  await load("/app/git-http.js");
  const git = Reflect.get(globalThis, "git") as Git;
  const http = Reflect.get(
    globalThis,
    "GitHttp",
  ) as typeof import("isomorphic-git/http/web").default;
  const messages = async (): Promise<string[]> =>
    (await git.log({ fs, dir })).map(({ commit }) => commit.message.trim());
  const notClean = async (): Promise<string[]> => {
    const rows = await git.statusMatrix({ fs, dir });
    return rows.filter((row) => row.slice(1).some((state) => state !== 1)).map(([path]) => path);
  };
  await git.clone({ fs, http, dir, url });
  const cloned = await messages();
  const dirty = [await notClean()];
  await fs.promises.appendFile(`${dir}/README.md`, "More.\n");
  await fs.promises.writeFile(`${dir}/docs/new.txt`, "new\n");
  await fs.promises.unlink(`${dir}/empty`);
  dirty.push(await notClean());
  await git.add({ fs, dir, filepath: ["README.md", "docs/new.txt"] });
  await git.remove({ fs, dir, filepath: "empty" });
  const author = { name: "Ada", email: "ada@example.org" };
  await git.commit({ fs, dir, message: "third", author });
  dirty.push(await notClean());
  const files = await git.listFiles({ fs, dir });
  return { cloned, dirty, log: await messages(), files };
}
