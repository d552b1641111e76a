/**
 * What changed, told to whoever watches: a feed of changes for each overlay. Paths are those the programs gave,
 * absolute and without "." and ".."; a change through a symlink is told under the path it was made by. Changes are
 * told once they are committed, in order, and only those made through this API.
 */

/** One path: whether it has come or gone or means something else ("rename"), or its file differs ("change"). */
export interface PathChange {
  readonly path: string;
  readonly kind: "rename" | "change";
}

/** Takes what changed; undefined says that anything may have. */
export type ChangeListener = (changes: readonly PathChange[] | undefined) => void;

/** What changes of one overlay are told by and heard from. */
export class ChangeFeed {
  readonly #listeners = new Set<ChangeListener>();

  /** Tells `listener` of every change from now on, until the returned function is called. */
  readonly subscribe = (listener: ChangeListener): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  publish(changes: readonly PathChange[] | undefined): void {
    if (changes?.length === 0) return;
    for (const listener of this.#listeners) listener(changes);
  }
}

const feeds = new WeakMap<object, ChangeFeed>();

/** The feed of `overlay`, of which there is one. */
export function feedOf(overlay: object): ChangeFeed {
  let feed = feeds.get(overlay);
  if (!feed) {
    feed = new ChangeFeed();
    feeds.set(overlay, feed);
  }
  return feed;
}

/** `path` from the root on, without ".", ".." and doubled slashes. */
export function absolute(path: string): string {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return `/${names.join("/")}`;
}

/** What a system call that succeeded, or was broken off, has changed. */
const changedBy: Readonly<Record<string, readonly PathChange["kind"][]>> = {
  chmod: ["change"],
  chown: ["change"],
  copyfile: ["rename", "change"],
  fchmod: ["change"],
  fchown: ["change"],
  ftruncate: ["change"],
  futime: ["change"],
  lchown: ["change"],
  link: ["rename"],
  // The first call of rm.
  lstat: ["rename"],
  lutime: ["change"],
  mkdir: ["rename"],
  open: ["rename", "change"],
  rename: ["rename"],
  rmdir: ["rename"],
  symlink: ["rename"],
  unlink: ["rename"],
  utime: ["change"],
  write: ["change"],
};

/** The changes that `call` stands for; of a file that was opened at `opened`, if it names no path itself. */
export function changesOf(
  call: { readonly syscall: string; readonly path?: string; readonly dest?: string },
  opened: string | undefined,
): PathChange[] {
  const { syscall, path = opened, dest } = call;
  const paths = syscall === "rename" ? [path, dest] : [dest ?? path];
  return paths.flatMap((one) =>
    one === undefined
      ? []
      : (changedBy[syscall] ?? []).map((kind) => ({ path: absolute(one), kind })),
  );
}
