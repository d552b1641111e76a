/** Buffers for replies, used again: one reply in flight is the rule, many only while the base is waited for. */
import { FsError } from "../../src/index.ts";
import { maxTransfer } from "./protocol/init.ts";
import { Message } from "./protocol/wire.ts";

const small = 160 * 1024;
const large = maxTransfer + 64 * 1024;
const spares = 4;

/** Lends messages of two sizes and keeps a few of each. */
export class ReplyPool {
  readonly #small: Message[] = [];
  readonly #large: Message[] = [];

  /**
   * A message with room for `length` bytes, whatever stands in it.
   * @throws EINVAL more than any reply may have
   */
  take(length: number): Message {
    if (length > large)
      throw new FsError("EINVAL", { reason: "more is asked for than was agreed" });
    if (length > small) return this.#large.pop() ?? Message.withRoom(large);
    return this.#small.pop() ?? Message.withRoom(small);
  }

  /** Takes a message back. Precondition: nobody looks at it any more. */
  give(message: Message): void {
    const kept = message.bytes.length === large ? this.#large : this.#small;
    if (kept.length < spares) kept.push(message);
  }
}
