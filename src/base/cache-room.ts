/**
 * How full a bounded cache of fetched objects is, and who may add to it. Room is taken before anything is written, one
 * taker after the other, so that objects kept side by side never pass the bound together. What other processes add is
 * seen whenever it looks again, which it does after every eighth of the bound and after it made room.
 */
import { FsError } from "../errno.ts";
import { leastRecentlyUsed, type ObjectUse } from "./fetch-cache.ts";

export interface CacheRoomOptions {
  /** What the objects may take up together. */
  readonly maxBytes: number;
  /** All objects there are now, those of other processes too. */
  look(): Promise<readonly ObjectUse[]>;
  /** Drops these; one that is gone already is no error. */
  drop(objects: readonly ObjectUse[]): Promise<void>;
  /** What to say, and to try, where there is no room. */
  readonly full: string;
  /** Whether this is how writing fails where the place that the cache lies in is full, which is so before the cache is. */
  isFull(error: unknown): boolean;
}

/** A use is written down again once it is so much newer than what stands there. */
export const useGrain_ms = 60_000;

interface Taken {
  readonly bytes: number;
  isWritten: boolean;
}

/** See the head of this file. */
export class CacheRoom {
  readonly #options: CacheRoomOptions;
  /** What was there when it looked last, without `#taken`; undefined: to be looked at. */
  #seenBytes: number | undefined;
  /** What was taken and not seen by a look since it was written. */
  readonly #taken = new Map<string, Taken>();
  #takenBytes = 0;
  /** Ends when whoever counts or makes room now is done. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: CacheRoomOptions) {
    this.#options = options;
  }

  /**
   * Takes room for an object of `bytes` and writes it by `write`. Where there is none, what was used longest ago and
   * before `spare_ms` is dropped until half of all is free; where the place is full, half of what there is. A write that
   * fails gives its room back.
   * @throws ENOSPC there is no room; and what `write` throws
   */
  async fill(
    sha256: string,
    bytes: number,
    spare_ms: number | undefined,
    write: () => Promise<void>,
  ): Promise<void> {
    const taken = await this.#inTurn(() => this.#take(sha256, bytes, spare_ms));
    try {
      await write().catch(async (error) => {
        if (!this.#options.isFull(error)) throw error;
        await this.#inTurn(async () =>
          this.#dropDownTo(((await this.#used()) - bytes) / 2, spare_ms),
        );
        await write();
      });
      taken.isWritten = true;
    } catch (error) {
      this.#release(sha256);
      throw error;
    }
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    // Each is told of its own failure.
    const acting = this.#turn.then(act, act);
    this.#turn = acting;
    return acting;
  }

  async #take(sha256: string, bytes: number, spare_ms: number | undefined): Promise<Taken> {
    const { maxBytes, full } = this.#options;
    const isRoom = async () => (await this.#used()) + bytes <= maxBytes;
    if (this.#takenBytes > maxBytes / 8) this.#seenBytes = undefined;
    if (bytes <= maxBytes && !(await isRoom())) {
      await this.#dropDownTo(maxBytes / 2 - bytes, spare_ms);
    }
    if (!(await isRoom())) throw new FsError("ENOSPC", { syscall: "keep", reason: full });
    this.#release(sha256);
    const taken = { bytes, isWritten: false };
    this.#taken.set(sha256, taken);
    this.#takenBytes += bytes;
    return taken;
  }

  #release(sha256: string): void {
    this.#takenBytes -= this.#taken.get(sha256)?.bytes ?? 0;
    this.#taken.delete(sha256);
  }

  async #used(): Promise<number> {
    this.#seenBytes ??= await this.#look();
    return this.#seenBytes + this.#takenBytes;
  }

  async #look(): Promise<number> {
    for (const [sha256, { isWritten }] of this.#taken) if (isWritten) this.#release(sha256);
    const seen = await this.#options.look();
    return seen.reduce(
      (sum, { sha256, bytes }) => (this.#taken.has(sha256) ? sum : sum + bytes),
      0,
    );
  }

  async #dropDownTo(most: number, spare_ms: number | undefined): Promise<void> {
    // A use may not have been written down for so long.
    const spare = spare_ms && spare_ms - useGrain_ms;
    const uses = await this.#options.look();
    await this.#options.drop(leastRecentlyUsed(uses, most, spare));
    this.#seenBytes = undefined;
  }
}
