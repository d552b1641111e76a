/** Asking any base whether it moved. */
import { FsError } from "../errno.ts";
import type { Operation } from "../operation.ts";
import { type Base, pollingBase } from "./base.ts";

/**
 * The identity of what is published in the place of `base` by now; null if that is still this base.
 * @throws EIO, EPROTO it could not be found out
 * @throws EOPNOTSUPP this kind of base cannot be asked
 */
export function* poll(base: Base): Operation<string | null> {
  const polling = pollingBase(base);
  if (polling) return yield* polling.poll();
  const reason = "only a base with a minifo.json can be asked whether it moved";
  throw new FsError("EOPNOTSUPP", { syscall: "poll", path: base.locator, reason });
}
