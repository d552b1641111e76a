/**
 * The work of `bench -- core`: each piece is written once, against what every contender can do by path and by open file,
 * and looks at what came of it. The same tree for all: 10,000 files of 4 KiB in one directory, which are the base's for
 * minifo, and three directories on the way to a file of 16 MiB.
 */
import { expectRight, milliseconds } from "../measure.ts";

/** Files in the directory `many`. */
export const manyFiles = 10_000;

/** Bytes of each of them, and of each read and write. */
export const pieceBytes = 4096;

/** Bytes of the file that is read and written at random places. */
export const largeBytes = 16 << 20;

export const manyPath = "/many";
export const largePath = "/a/b/c/large";

export const nameOf = (index: number) => `file-${String(index).padStart(5, "0")}.txt`;

/** What a file of the tree holds at each 4 KiB: the number of that piece, which begins with the file's own. */
export function pieceOf(index: number): Uint8Array {
  const bytes = new Uint8Array(pieceBytes).fill(index & 0xff);
  new DataView(bytes.buffer).setUint32(0, index);
  return bytes;
}

function isPiece(bytes: Uint8Array, index: number): boolean {
  if (bytes.length !== pieceBytes) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return view.getUint32(0) === index && bytes[pieceBytes - 1] === (index & 0xff);
}

/** Synchronous calls, by path and by open file, as a kernel or a program in the same thread makes them. */
export interface Calls<Opened = unknown> {
  /** Whether there is something at `path`. */
  has(path: string): boolean;
  open(path: string): Opened;
  size(file: Opened): number;
  read(file: Opened, offset: number, into: Uint8Array): number;
  write(file: Opened, offset: number, bytes: Uint8Array): number;
  /** Creates an empty file, which must not be there. */
  create(path: string): void;
  rename(from: string, to: string): void;
  /** Goes through the entries of a directory, with their types; returns how many were files. */
  countFiles(path: string): number;
  /** Returns when all that was done is in the storage, if there is one. */
  settle(): void;
  close(): void;
}

/** Promises in the shape of node:fs/promises, as far as they are used. */
export interface Promises {
  stat(path: string): Promise<{ readonly size: number }>;
  readFile(path: string): Promise<Uint8Array>;
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  readdir(path: string): Promise<readonly unknown[]>;
}

/** A piece of work, done through `T`. */
export interface Work<T> {
  readonly what: string;
  readonly unit: string;
  /** How often it is done in one sample, where that is no slow storage's every call. */
  readonly count: number;
  /** Every call waits for a storage: a sample may be smaller where that is a disk. */
  readonly commits?: boolean;
  /** Does it `count` times and returns the milliseconds that took, checks apart. */
  readonly run: (through: T, count: number) => number | Promise<number>;
}

/** The same numbers in every run, spread over 0 to before `below`. */
function scattered(count: number, below: number): number[] {
  return Array.from({ length: count }, (_, index) => (index * 7919 + 13) % below);
}

function time(work: () => void): number {
  const start_ms = performance.now();
  work();
  return performance.now() - start_ms;
}

const pieces = largeBytes / pieceBytes;

export const synchronousWork: readonly Work<Calls>[] = [
  {
    what: "lookup of a path of four names",
    unit: "/s",
    count: 100_000,
    run(calls, count) {
      let found = 0;
      const taken_ms = time(() => {
        for (let done = 0; done < count; done += 1) if (calls.has(largePath)) found += 1;
      });
      expectRight(found === count && !calls.has(`${largePath}r`), "what there is was not found");
      return taken_ms;
    },
  },
  {
    what: "lookup of 10,000 names",
    unit: "/s",
    count: 50_000,
    run(calls, count) {
      const paths = scattered(count, manyFiles).map((index) => `${manyPath}/${nameOf(index)}`);
      let found = 0;
      const taken_ms = time(() => {
        for (const path of paths) if (calls.has(path)) found += 1;
      });
      expectRight(found === count, `${found} of ${count} were found`);
      return taken_ms;
    },
  },
  {
    what: "getattr of an open file",
    unit: "/s",
    count: 200_000,
    run(calls, count) {
      const file = calls.open(largePath);
      let bytes = 0;
      const taken_ms = time(() => {
        for (let done = 0; done < count; done += 1) bytes += calls.size(file);
      });
      expectRight(bytes === count * largeBytes, "the size is not the file's");
      return taken_ms;
    },
  },
  {
    what: "read of 4 KiB, unchanged",
    unit: "/s",
    count: 50_000,
    run: (calls, count) => readPieces(calls, count),
  },
  {
    what: "read of 4 KiB, changed",
    unit: "/s",
    count: 50_000,
    run(calls, count) {
      const file = calls.open(largePath);
      for (let index = 0; index < pieces; index += 1) {
        calls.write(file, index * pieceBytes, pieceOf(index));
      }
      calls.settle();
      return readPieces(calls, count);
    },
  },
  {
    what: "write of 4 KiB in place",
    unit: "/s",
    count: 50_000,
    run(calls, count) {
      const file = calls.open(largePath);
      const bytes = pieceOf(7);
      const places = scattered(count, pieces);
      let written = 0;
      const taken_ms = time(() => {
        for (const place of places) written += calls.write(file, place * pieceBytes, bytes);
        calls.settle();
      });
      const into = new Uint8Array(pieceBytes);
      calls.read(file, (places[count - 1] as number) * pieceBytes, into);
      expectRight(written === count * pieceBytes && isPiece(into, 7), "not what was written");
      return taken_ms;
    },
  },
  {
    what: "create",
    unit: "/s",
    count: 10_000,
    run(calls, count) {
      const paths = Array.from({ length: count }, (_, index) => `/a/b/made-${index}`);
      const taken_ms = time(() => {
        for (const path of paths) calls.create(path);
        calls.settle();
      });
      expectRight(calls.countFiles("/a/b") === count, "some are missing");
      return taken_ms;
    },
  },
  {
    what: "rename",
    unit: "/s",
    count: manyFiles,
    run(calls, count) {
      const names = Array.from({ length: count }, (_, index) => nameOf(index));
      const taken_ms = time(() => {
        for (const name of names) calls.rename(`${manyPath}/${name}`, `${manyPath}/new-${name}`);
        calls.settle();
      });
      const isMoved =
        calls.has(`${manyPath}/new-${nameOf(0)}`) && !calls.has(`${manyPath}/${nameOf(0)}`);
      expectRight(isMoved && calls.countFiles(manyPath) === manyFiles, "not all have moved");
      return taken_ms;
    },
  },
  {
    what: "readdir of 10,000",
    unit: "/s",
    count: 20,
    run(calls, count) {
      let files = 0;
      const taken_ms = time(() => {
        for (let done = 0; done < count; done += 1) files += calls.countFiles(manyPath);
      });
      expectRight(files === count * manyFiles, `${files / count} names of ${manyFiles}`);
      return taken_ms;
    },
  },
];

function readPieces(calls: Calls, count: number): number {
  const file = calls.open(largePath);
  const into = new Uint8Array(pieceBytes);
  let right = 0;
  const taken_ms = time(() => {
    for (const place of scattered(count, pieces)) {
      calls.read(file, place * pieceBytes, into);
      if (((into[2] as number) << 8) + (into[3] as number) === place) right += 1;
    }
  });
  expectRight(right === count, `${count - right} of ${count} reads gave other bytes`);
  return taken_ms;
}

const pathOf = (index: number) => `${manyPath}/${nameOf(index % manyFiles)}`;

export const promisedWork: readonly Work<Promises>[] = [
  {
    what: "await stat",
    unit: "/s",
    count: 20_000,
    async run(fs, count) {
      let bytes = 0;
      const taken_ms = await milliseconds(async () => {
        for (let done = 0; done < count; done += 1) bytes += (await fs.stat(pathOf(done))).size;
      });
      expectRight(bytes === count * pieceBytes, "not the files' sizes");
      return taken_ms;
    },
  },
  {
    what: "await readFile of 4 KiB",
    unit: "/s",
    count: 20_000,
    async run(fs, count) {
      let right = 0;
      const taken_ms = await milliseconds(async () => {
        for (let done = 0; done < count; done += 1) {
          if (isPiece(await fs.readFile(pathOf(done)), done % manyFiles)) right += 1;
        }
      });
      expectRight(right === count, `${count - right} of ${count} files are not right`);
      return taken_ms;
    },
  },
  {
    what: "await writeFile of 4 KiB",
    unit: "/s",
    count: 5_000,
    commits: true,
    async run(fs, count) {
      const bytes = pieceOf(7);
      const taken_ms = await milliseconds(async () => {
        for (let done = 0; done < count; done += 1) await fs.writeFile(pathOf(done), bytes);
      });
      expectRight(isPiece(await fs.readFile(pathOf(count - 1)), 7), "not what was written");
      return taken_ms;
    },
  },
  {
    what: "64 writeFile of 4 KiB at once",
    unit: "/s",
    count: 6_400,
    commits: true,
    async run(fs, count) {
      const bytes = pieceOf(7);
      const taken_ms = await milliseconds(async () => {
        for (let from = 0; from < count; from += 64) {
          const indexes = Array.from({ length: 64 }, (_, index) => from + index);
          await Promise.all(indexes.map((index) => fs.writeFile(pathOf(index), bytes)));
        }
      });
      expectRight(isPiece(await fs.readFile(pathOf(count - 1)), 7), "not what was written");
      return taken_ms;
    },
  },
  {
    what: "await rename",
    unit: "/s",
    count: 5_000,
    commits: true,
    async run(fs, count) {
      const taken_ms = await milliseconds(async () => {
        for (let done = 0; done < count; done += 1) {
          await fs.rename(pathOf(done), `/a/moved-${done}`);
        }
      });
      expectRight((await fs.readdir("/a")).length === count + 1, "not all have moved");
      return taken_ms;
    },
  },
  {
    what: "await readdir of 10,000",
    unit: "/s",
    count: 20,
    async run(fs, count) {
      let names = 0;
      const taken_ms = await milliseconds(async () => {
        for (let done = 0; done < count; done += 1) names += (await fs.readdir(manyPath)).length;
      });
      expectRight(names === count * manyFiles, `${names / count} names of ${manyFiles}`);
      return taken_ms;
    },
  },
];
