/** The second driver comes here. */
import { FsError } from "../../src/index.ts";
import type { Mounted } from "../mount/mounted.ts";
export async function mountByFuseNative(..._rest: unknown[]): Promise<Mounted> {
  throw new FsError("ENOSYS");
}
