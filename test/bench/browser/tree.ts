/**
 * The tree that every contender has as its base, known to the program that makes it and to the pages that check what
 * they read: 5,000 small files in 300 directories, a thousand of them in one, and a file of 256 MiB. No content is kept;
 * each byte follows from where it stands.
 */

/** The directory of a thousand files, which is renamed. */
export const crowdedDirectory = "crowded";
/** What it is called afterwards. */
export const renamedDirectory = "renamed";

export const largeName = "large.bin";
export const largeBytes = 256 * 2 ** 20;

/** What of the large file is read. */
export const middle = { offset: 128 * 2 ** 20 + 12_345, length: 64 * 1024 } as const;
/** Another part of it, as long as what is verified in one piece, and beginning where such a piece does. */
export const chunk = { offset: 64 * 2 ** 20, length: 2 ** 20 } as const;

const groups = 10;
const leaves = 289;
const scattered = 4000;
const crowded = 1000;

/** Paths without a slash in front, in the order of their numbers: the last thousand is in the crowded directory. */
export const smallFiles: readonly string[] = Array.from({ length: scattered + crowded }, (_, at) =>
  at < scattered
    ? `${leafOf(at % leaves)}/file-${at}.txt`
    : `${crowdedDirectory}/file-${at - scattered}.txt`,
);

/** Every directory but the root. */
export const directories: readonly string[] = [
  ...Array.from({ length: groups }, (_, group) => `group-${group}`),
  ...Array.from({ length: leaves }, (_, leaf) => leafOf(leaf)),
  crowdedDirectory,
];

/** Which of the small files each piece of work is done on, by number: from, and up to but without. */
export const parts = {
  read: [0, 1000],
  overwritten: [1000, 2000],
  overwrittenAtOnce: [2000, 3000],
  readAtOnce: [3000, 4000],
  deleted: [3000, 3500],
  renamed: [scattered, scattered + crowded],
} as const satisfies Record<string, readonly [number, number]>;

/** Files that are written anew, and counted after the browser was killed. */
export const survivors = 300;

function leafOf(leaf: number): string {
  return `group-${leaf % groups}/directory-${leaf}`;
}

/** Numbers and paths of a part. */
export function filesOf(part: keyof typeof parts): { number: number; path: string }[] {
  const [from, to] = parts[part];
  return smallFiles.slice(from, to).map((path, at) => ({ number: from + at, path: `/${path}` }));
}

/** The content of the small file of that number: text-like, 0.5 to 4 KiB. */
export function contentOf(number: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(500 + ((number * 7919) % 3500));
  let state = number + 1;
  for (let at = 0; at < bytes.length; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = 48 + (state & 63);
  }
  return bytes;
}

/** What the small file of that number is overwritten with: another length, too. */
export function overwrittenContentOf(number: number): Uint8Array<ArrayBuffer> {
  return contentOf(number + 10_000);
}

/** `length` bytes of the large file at `offset`: noise, which no compression makes smaller. */
export function largeContent(offset: number, length: number): Uint8Array<ArrayBuffer> {
  const first = offset >>> 2;
  const words = new Uint32Array(((offset + length + 3) >>> 2) - first);
  for (let at = 0; at < words.length; at += 1) {
    let word = Math.imul(first + at + 1, 0x9e3779b1);
    word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
    words[at] = word ^ (word >>> 16);
  }
  return new Uint8Array(words.buffer, offset - first * 4, length);
}

export function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
