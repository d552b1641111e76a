/**
 * What all pages and workers of one storage say to everybody: who owns it, what changed, that it is lost. It is said over
 * the BroadcastChannel `minifo:NAME`; calls go elsewhere, over lines of two ends each. Every message carries the
 * protocol's version, and one of another version is heard as nothing but that.
 */
import type { Endpoint } from "comlink";
import { FsError, type PathChange } from "../src/index.ts";

/**
 * The version of everything pages and workers say to each other. It is raised by every change that a page or worker of
 * another version of the library would not understand.
 */
export const protocolVersion = 1;

/** What is said. A host is a worker that may own the storage; its name is drawn at random. */
export type Said =
  /** A page asks who owns the storage. */
  | { readonly say: "who" }
  /** A host has the lock and opens the overlay. */
  | { readonly say: "opening"; readonly host: string }
  /** A host is the owner: said when it becomes it, and to whoever asks. */
  | { readonly say: "owner"; readonly host: string; readonly epoch: number }
  /** A page wants to speak to the owner over the line of this name, on which it listens already. */
  | { readonly say: "call"; readonly host: string; readonly line: string }
  /** The owner listens on that line. */
  | { readonly say: "answer"; readonly line: string }
  /** Changes that have been committed; without a list, anything may have changed. */
  | { readonly say: "changed"; readonly changes: readonly PathChange[] | undefined }
  /** The storage was deleted, cleared by the browser, or replaced by a newer version's. */
  | { readonly say: "lost"; readonly reason: string }
  /** Heard in place of what another version's page or worker said. */
  | { readonly say: "foreign"; readonly protocol: number };

/** One's place in the gathering of a storage. What one says oneself one does not hear. */
export class Gathering {
  readonly #channel: BroadcastChannel;
  readonly #listeners = new Set<(said: Said) => void>();

  constructor(storage: string) {
    this.#channel = new BroadcastChannel(`minifo:${storage}`);
    this.#channel.onmessage = ({ data }: MessageEvent<{ protocol?: unknown; said?: Said }>) => {
      const { protocol, said } = data;
      if (typeof protocol !== "number" || said === undefined) return;
      const heard: Said = protocol === protocolVersion ? said : { say: "foreign", protocol };
      for (const listener of this.#listeners) listener(heard);
    };
  }

  say(said: Said): void {
    this.#channel.postMessage({ protocol: protocolVersion, said });
  }

  /** Calls `listener` for all that is said from now on, until the returned function is called. */
  listen(listener: (said: Said) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#channel.close();
  }
}

/** One end of a line: calls between a page and an owner in another tab. Bytes are copied, ports cannot cross. */
export interface Line {
  readonly endpoint: Endpoint;
  close(): void;
}

/** Takes an end of the line `name`. */
export function takeLine(name: string): Line {
  const channel = new BroadcastChannel(name);
  return {
    endpoint: {
      postMessage: (message) => channel.postMessage(message),
      addEventListener: (type, listener) => channel.addEventListener(type, listener),
      removeEventListener: (type, listener) => channel.removeEventListener(type, listener),
    },
    close: () => channel.close(),
  };
}

/** What a page or worker of one version says of one that speaks another. */
export function foreign(storage: string, ours: number, theirs: number): FsError {
  const reason =
    `another page or worker of this site has the storage "${storage}" open with another version of minifo ` +
    `(protocols ${ours} and ${theirs}): reload the page that is older, or close it`;
  return new FsError("EBUSY", { syscall: "open", path: storage, reason });
}
