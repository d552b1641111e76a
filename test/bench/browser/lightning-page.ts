/** LightningFS in the browser benchmark, with the option `url`, by which it reads what it has not from a server. */
import { offer } from "./steps.ts";

/** As much of LightningFS as is used. */
interface LightningFs {
  readonly default: new (
    name: string,
    options: { readonly url: string },
  ) => { readonly promises: Promises };
}

interface Promises {
  readdir(path: string): Promise<string[]>;
  stat(path: string): Promise<{ readonly size: number; isDirectory(): boolean }>;
  readFile(path: string): Promise<Uint8Array | ArrayBuffer>;
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  unlink(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
}

const peer = "/peers/lightning-fs.js";

offer(async () => {
  const { default: LightningFS } = (await import(/* @vite-ignore */ peer)) as LightningFs;
  const { promises } = new LightningFS("bench", { url: new URL("/files", location.href).href });
  // What comes from the server comes as an ArrayBuffer.
  const readFile = async (path: string): Promise<Uint8Array> =>
    new Uint8Array(await promises.readFile(path));
  return {
    readdir: (path) => promises.readdir(path),
    stat: (path) => promises.stat(path),
    readFile,
    writeFile: (path, bytes) => promises.writeFile(path, bytes),
    unlink: (path) => promises.unlink(path),
    rename: (from, to) => promises.rename(from, to),
    async readPart(path, offset, length) {
      return (await readFile(path)).subarray(offset, offset + length);
    },
    async append(path, bytes) {
      const before = await readFile(path);
      const after = new Uint8Array(before.length + bytes.length);
      after.set(before);
      after.set(bytes, before.length);
      await promises.writeFile(path, after);
    },
    async list(path) {
      const names = await promises.readdir(path);
      const directory = path === "/" ? path : `${path}/`;
      return Promise.all(
        names.map(async (name) => {
          const stats = await promises.stat(directory + name);
          return { name, size: stats.isDirectory() ? undefined : stats.size };
        }),
      );
    },
    readMany: (paths) => Promise.all(paths.map(readFile)),
  };
});
