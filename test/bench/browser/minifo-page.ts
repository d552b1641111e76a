/** minifo in the browser benchmark: an overlay in a shared worker, as a page opens it by default. */
import { openOverlay } from "../../../web/index.ts";
import { offer } from "./steps.ts";

const base = new URL(new URLSearchParams(location.search).get("base") ?? "", location.href).href;

offer(async () => {
  const overlay = await openOverlay({ base, storage: "bench" });
  const { promises } = overlay.fs;
  return {
    readdir: (path) => promises.readdir(path),
    stat: (path) => promises.stat(path),
    readFile: (path) => promises.readFile(path),
    writeFile: (path, bytes) => promises.writeFile(path, bytes),
    unlink: (path) => promises.unlink(path),
    rename: (from, to) => promises.rename(from, to),
    async readPart(path, offset, length) {
      const file = await promises.open(path);
      const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, offset);
      await file.close();
      return (buffer as Uint8Array).subarray(0, bytesRead);
    },
    append: (path, bytes) => promises.appendFile(path, bytes),
    async list(path) {
      const entries = await overlay.list(path);
      return entries.map(({ name, stats }) => ({
        name,
        size: stats.isDirectory() ? undefined : stats.size,
      }));
    },
    readMany: (paths) => overlay.readMany(paths),
  };
});
