/** The caller's side of STORAGE/control: how `status`, `diff`, `revert` and `umount` speak to the owner of a storage. */
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { FsError } from "../../src/index.ts";
import { fromPlainError } from "./errors.ts";
import { type AnswerLine, controlAddress, lineOf, onLines } from "./socket.ts";

/** What the owner answered. */
export interface OwnerAnswer {
  readonly result: unknown;
}

/**
 * Calls a method of the process that owns the storage in the directory `storage`. Undefined if nobody listens there:
 * it is owned by nobody, or by somebody who takes no calls.
 * @throws what the owner threw, with its code and path
 * @throws EIO the owner ended before it answered
 * @throws ETIMEDOUT it did not answer within `patience_ms`, by default as long as it takes
 */
export function callOwner(
  storage: string,
  method: string,
  params?: unknown,
  patience_ms?: number,
): Promise<OwnerAnswer | undefined> {
  if (!existsSync(storage)) return Promise.resolve(undefined);
  const { address, release } = controlAddress(storage);
  return new Promise<OwnerAnswer | undefined>((resolve, reject) => {
    const socket = connect(address);
    let connected = false;
    socket.on("connect", () => {
      connected = true;
      socket.write(lineOf({ id: 1, method, params }));
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      const nobody = error.code === "ENOENT" || error.code === "ECONNREFUSED";
      if (!connected && nobody) resolve(undefined);
      else reject(ownerFailure(storage, method, error));
    });
    socket.on("close", () => reject(ownerFailure(storage, method)));
    if (patience_ms !== undefined) {
      socket.setTimeout(patience_ms, () => {
        reject(ownerLate(storage, method, patience_ms));
        socket.destroy();
      });
    }
    onLines(socket, (line) => {
      const answer = JSON.parse(line) as AnswerLine;
      if ("error" in answer) reject(fromPlainError(answer.error));
      else resolve({ result: answer.result });
      socket.end();
    });
  }).finally(release);
}

function ownerFailure(storage: string, method: string, cause?: Error): FsError {
  return new FsError("EIO", {
    syscall: method,
    path: storage,
    reason: cause?.message ?? "the process that has the storage ended before it answered",
    cause,
  });
}

function ownerLate(storage: string, method: string, patience_ms: number): FsError {
  return new FsError("ETIMEDOUT", {
    syscall: method,
    path: storage,
    reason: `the process that has the storage did not answer within ${patience_ms / 1000} s`,
  });
}
