/**
 * What the thread that serves the device and the main thread tell each other, as plain data. The worker blocks in the
 * device, so a message to it counts only once the bell was rung and a request woke it; see `Bell`.
 */
import type { FetchedObject, ObjectRequest } from "../../src/index.ts";
import type { CacheSetting } from "../base/network.ts";
import type { PlainError } from "../control/errors.ts";

/** What of the rules is given up for speed, each because the user said so. */
export interface MountProfile {
  /** The base does not change while it is mounted: the kernel may believe what it was told of it. */
  readonly stable: boolean;
  /**
   * Files are opened and closed by the kernel alone. A close reports no failure then, and an unlinked file lives until
   * the kernel forgets it.
   */
  readonly noOpen: boolean;
  /**
   * The kernel keeps what is written until a close, an fsync or a while later, and knows sizes and times of files better
   * than we do. What only it has dies with it or us, and a base that changes meanwhile is not noticed: `stable` holds.
   */
  readonly writeback: boolean;
}

/** What is mounted and how, as both threads need it. */
export interface MountSetup {
  /** A URL, or the absolute path of a directory. */
  readonly base: string;
  /** Absolute path of the storage's directory. */
  readonly storage: string;
  /** Absolute path without symlinks. */
  readonly mountpoint: string;
  readonly readOnly: boolean;
  /** Owner of base objects that state none. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Permission bits never shown. */
  readonly umask: number;
  readonly profile: MountProfile;
  readonly cache: CacheSetting;
  /** Lie over a base that is not the one the storage was made over. */
  readonly adoptBase: boolean;
  /** Complain about defects in full. */
  readonly debug: boolean;
}

/** From the main thread to the worker. */
export type ToWorker =
  | { readonly type: "fetched"; readonly id: number; readonly object: FetchedObject }
  | { readonly type: "fetch-failed"; readonly id: number; readonly error: PlainError }
  /** The files are safe, or could not be made so. */
  | { readonly type: "made-safe"; readonly id: number; readonly error?: PlainError }
  /** Serve this device, until it is unmounted. */
  | { readonly type: "serve"; readonly device: number }
  /** Commit what is pending. */
  | { readonly type: "tick" }
  | {
      readonly type: "call";
      readonly id: number;
      readonly method: string;
      readonly params: unknown;
    }
  /** Serve no longer, though it is mounted still. */
  | { readonly type: "leave" }
  /** End although nothing was ever mounted. */
  | { readonly type: "close" };

/** From the worker to the main thread. */
export type ToMain =
  | { readonly type: "fetch"; readonly id: number; readonly request: ObjectRequest }
  /** Make what was written to these descriptors of the process safe from a loss of power. */
  | { readonly type: "make-safe"; readonly id: number; readonly files: readonly number[] }
  /** Storage, base and overlay are open: there is something to mount. */
  | { readonly type: "opened" }
  | { readonly type: "open-failed"; readonly error: PlainError }
  | {
      readonly type: "result";
      readonly id: number;
      readonly value: unknown;
      /** To be written to the device before the result is believed. */
      readonly notifications: readonly Uint8Array[];
    }
  | { readonly type: "call-failed"; readonly id: number; readonly error: PlainError }
  /** Something the user should know of; the mount goes on. */
  | { readonly type: "complaint"; readonly message: string }
  /** The device is gone, everything is committed, the storage is closed. */
  | { readonly type: "closed" }
  | { readonly type: "close-failed"; readonly error: PlainError };

/**
 * A few words of memory both threads see: how often the bell was rung, how often that was heard, and whether something
 * waits for a commit. It spares the worker a look at its port after every request.
 */
export class Bell {
  readonly shared: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(shared = new SharedArrayBuffer(12)) {
    this.shared = shared;
    this.#words = new Int32Array(shared);
  }

  /** Main thread: a message was posted. */
  ring(): void {
    Atomics.add(this.#words, 0, 1);
  }

  /** Worker: whether it rang since it was heard last; then it counts as heard. */
  hear(): boolean {
    const rung = Atomics.load(this.#words, 0);
    if (rung === Atomics.load(this.#words, 1)) return false;
    Atomics.store(this.#words, 1, rung);
    return true;
  }

  /** Whether every ring was heard. */
  get heard(): boolean {
    return Atomics.load(this.#words, 0) === Atomics.load(this.#words, 1);
  }

  get dirty(): boolean {
    return Atomics.load(this.#words, 2) === 1;
  }

  set dirty(dirty: boolean) {
    Atomics.store(this.#words, 2, dirty ? 1 : 0);
  }
}
