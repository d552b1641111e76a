/**
 * An endless sequence of changes to a small tree, each drawn from a seed and its number, with a model of the tree in
 * memory: who knows seed and number knows what must be there. Known to the pages that make the changes and to the tests
 * that look what a killed browser left of them.
 */
import { randomFrom } from "../../random.ts";

/** A change. Paths begin with a slash. */
export type Change =
  | { readonly kind: "write"; readonly path: string; readonly text: string }
  | {
      readonly kind: "patch";
      readonly path: string;
      readonly offset: number;
      readonly text: string;
    }
  | { readonly kind: "unlink"; readonly path: string }
  | { readonly kind: "rename"; readonly from: string; readonly to: string };

/** Files of the base, by path without a slash in front. Both are longer than a chunk of the storage. */
export const baseFiles: Readonly<Record<string, string>> = {
  "d0/large.txt": "of the base\n".repeat(15_000),
  "d1/other.txt": "of the base, too\n".repeat(8000),
  "d1/a.txt": "a",
  "d2/b.txt": "b",
  "c.txt": "c",
};

/** Names of directories; those of the base and others that they can be renamed to. */
const directoryNames = ["d0", "d1", "d2", "d3", "d4"];
const fileNames = ["a.txt", "b.txt", "c.txt", "large.txt", "new.txt"];
const lengths = [0, 20, 5000, 66_000, 140_000];

/** As much of `fs.promises` as the changes need. */
export interface ChurnFs {
  writeFile(path: string, text: string): Promise<void>;
  unlink(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  open(
    path: string,
    flags: string,
  ): Promise<{
    write(
      bytes: Uint8Array,
      offset: number,
      length: number,
      position: number,
    ): Promise<{ bytesWritten: number }>;
    close(): Promise<void>;
  }>;
}

/** The tree as it must be after so many changes. */
export class ChurnModel {
  readonly #seed: number;
  readonly #files = new Map(Object.entries(baseFiles).map(([path, text]) => [`/${path}`, text]));
  readonly #directories = new Set(["d0", "d1", "d2"]);
  #changes = 0;

  /** After `changes` changes. */
  constructor(seed: number, changes = 0) {
    this.#seed = seed;
    while (this.#changes < changes) this.advance();
  }

  get changes(): number {
    return this.#changes;
  }

  /** The files by path, and the directories with a slash at their ends, sorted. */
  get files(): [path: string, text: string][] {
    const directories = [...this.#directories].map((name): [string, string] => [`/${name}/`, ""]);
    return [...this.#files, ...directories].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Draws the next change and takes it as done. */
  advance(): Change {
    const random = randomFrom(this.#seed * 1_000_003 + this.#changes);
    const change = this.#drawn(random);
    this.#apply(change);
    this.#changes += 1;
    return change;
  }

  #drawn(random: () => number): Change {
    const one = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
    const paths = [...this.#files.keys()];
    const directories = [...this.#directories];
    const newPath = (): string => {
      const directory = one(["", ...directories.map((name) => `/${name}`)]);
      return `${directory}/${one(fileNames)}`;
    };
    const kind = random();
    if (kind < 0.12) {
      const free = directoryNames.filter((name) => !this.#directories.has(name));
      return { kind: "rename", from: `/${one(directories)}`, to: `/${one(free)}` };
    }
    if (paths.length > 3 && kind < 0.3) return { kind: "unlink", path: one(paths) };
    if (kind < 0.45) {
      const [from, to] = [one(paths), newPath()];
      if (from !== to) return { kind: "rename", from, to };
    }
    const text = `<${this.#changes}>`;
    if (kind < 0.7) {
      const path = one(paths);
      const length = this.#files.get(path)?.length ?? 0;
      return { kind: "patch", path, offset: Math.floor(random() * (length + 1)), text };
    }
    const length = one(lengths);
    return { kind: "write", path: newPath(), text: text.repeat(length / text.length) };
  }

  #apply(change: Change): void {
    switch (change.kind) {
      case "write":
        this.#files.set(change.path, change.text);
        return;
      case "patch": {
        const before = this.#files.get(change.path) ?? "";
        const { offset, text } = change;
        const after = before.slice(0, offset) + text + before.slice(offset + text.length);
        this.#files.set(change.path, after);
        return;
      }
      case "unlink":
        this.#files.delete(change.path);
        return;
      case "rename":
        this.#rename(change.from, change.to);
    }
  }

  #rename(from: string, to: string): void {
    const text = this.#files.get(from);
    if (text !== undefined) {
      this.#files.delete(from);
      this.#files.set(to, text);
      return;
    }
    this.#directories.delete(from.slice(1));
    this.#directories.add(to.slice(1));
    for (const [path, inside] of [...this.#files]) {
      if (!path.startsWith(`${from}/`)) continue;
      this.#files.delete(path);
      this.#files.set(to + path.slice(from.length), inside);
    }
  }
}

/** Makes the change; resolves once the file system has acknowledged it. */
export async function make(change: Change, fs: ChurnFs): Promise<void> {
  switch (change.kind) {
    case "write":
      return fs.writeFile(change.path, change.text);
    case "unlink":
      return fs.unlink(change.path);
    case "rename":
      return fs.rename(change.from, change.to);
    case "patch": {
      const file = await fs.open(change.path, "r+");
      const bytes = new TextEncoder().encode(change.text);
      await file.write(bytes, 0, bytes.length, change.offset);
      await file.close();
    }
  }
}
