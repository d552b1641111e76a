/**
 * Making written files safe from a loss of power: what takes a commit longest. It is done in place, or by somebody else
 * for a thread that has better to do meanwhile; the storage only waits until it is done.
 */
import { fdatasync, fdatasyncSync } from "node:fs";
import { promisify } from "node:util";
import type { Operation } from "../../src/index.ts";

/**
 * Returns when what was written to these open files, and how long they are, is on the disk.
 * @throws what fdatasync(2) says of the first that could not be made safe; of the others nothing is known then
 */
export type Safeguard = (files: readonly number[]) => Operation<void>;

/** Makes one after the other safe, and the thread waits. */
export function* safeguardInPlace(files: readonly number[]): Operation<void> {
  for (const file of files) fdatasyncSync(file);
}

/**
 * Makes them safe side by side in the threads of the runtime, while the calling thread goes on; settles when all of them
 * have been tried. The files must stay open until then.
 * @throws as `Safeguard` says
 */
export async function safeguardAside(files: readonly number[]): Promise<void> {
  const tried = await Promise.allSettled(files.map((file) => promisify(fdatasync)(file)));
  for (const outcome of tried) if (outcome.status === "rejected") throw outcome.reason;
}
