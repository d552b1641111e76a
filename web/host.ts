/**
 * A host: what a worker is to one storage. It waits for its turn to own it, opens the core when it does, says so to the
 * gathering, and lets pages in: those of its own endpoints, and, over lines, those of other tabs. It gives the storage up
 * when its own pages are gone, for then the browser may end the worker; who is still there is sent to the next owner.
 */
import { expose } from "comlink";
import { type ChangeListener, FsError } from "../src/index.ts";
import { Core, loadWhole } from "./core.ts";
import { Gathering, type Said, takeLine } from "./gathering.ts";
import { type Ownership, own, showLife, succession } from "./ownership.ts";
import { Moved } from "./protocol.ts";
import { type Host, Visitor } from "./visitor.ts";

/** Milliseconds from the opening until what changes things is loaded, unless it is needed before. */
const settling_ms = 100;

/** The name of this worker as a host, which it shows to be alive under. */
export const hostName = crypto.randomUUID();

/** See the head of this file. */
class StorageHost implements Host {
  readonly name = hostName;
  readonly #storage: string;
  readonly #gathering: Gathering;
  /** Pages of this worker's own endpoints. */
  readonly #own = new Set<object>();
  #core: Core | undefined;
  #ownership: Ownership | undefined;
  #owning: Promise<Core> | undefined;
  /** Ends the becoming that is under way, as far as it waits for others. */
  #ending = new AbortController();
  #opens = false;
  /** Ends the waiting for a turn; undefined while nobody waits. */
  #turn: { readonly give: (ownership: Promise<Ownership>) => void; stop(): void } | undefined;
  #lastOwner: string | undefined;

  constructor(storage: string) {
    this.#storage = storage;
    this.#gathering = new Gathering(storage);
    this.#gathering.listen((said) => this.#hear(said));
  }

  /** Waits until this host is the owner and has the overlay open. Fails as `Core.open`. */
  become(base: string): Promise<Core> {
    this.#owning ??= this.#become(base).catch((error) => {
      this.#owning = undefined;
      // Who came while it was being ended tries again.
      throw this.#ending.signal.aborted ? new Moved() : error;
    });
    return this.#owning;
  }

  async #become(base: string): Promise<Core> {
    this.#ending = new AbortController();
    const { signal: ending } = this.#ending;
    const ownership = await this.#untilTurn();
    await showLife(this.#storage, hostName);
    this.#opens = true;
    this.#gathering.say({ say: "opening", host: hostName });
    try {
      const opened = await Core.open(this.#storage, base, {
        lost: (core, why) => this.#lose(core, why),
        changed: this.#tell,
        ending,
      });
      if (ending.aborted) {
        await opened.close();
        throw new Moved();
      }
      this.#ownership = ownership;
      this.#core = opened;
      this.#lastOwner = hostName;
      ownership.taken.then(() => {
        opened.abandon();
        this.#forget(opened);
      });
      this.#sayOwner();
      // Once the page has been answered, and what it asks for first. If it fails, who needs it asks again, and is told.
      setTimeout(() => opened.whole().catch(() => {}), settling_ms);
      return opened;
    } catch (error) {
      ownership.release();
      throw error;
    } finally {
      this.#opens = false;
    }
  }

  /** Resolves when the lock is ours: in turn, or taken by force. */
  #untilTurn(): Promise<Ownership> {
    return new Promise((resolve, reject) => {
      const waiting = new AbortController();
      const stop = (): void => waiting.abort();
      const give = (ownership: Promise<Ownership>): void => {
        this.#turn = undefined;
        stop();
        ownership.then(resolve, reject);
      };
      this.#turn = { give, stop };
      own(this.#storage, { signal: waiting.signal }).then(
        (ownership) => {
          this.#turn = undefined;
          resolve(ownership);
        },
        (error) => {
          // Given by force meanwhile; or nobody waits any more.
          if (this.#turn !== undefined || !waiting.signal.aborted) reject(error);
        },
      );
    });
  }

  /** Takes the storage from `owner`, which is frozen, unless it has another owner by now. */
  async takeOver(owner: string | undefined): Promise<void> {
    await succession(this.#storage, async () => {
      if (this.#lastOwner !== owner && this.#lastOwner !== undefined) return;
      if (!this.#turn) return;
      this.#turn.give(own(this.#storage, { steal: true }));
      await this.#owning;
    });
  }

  /** A page of an endpoint of this worker. */
  enter(visitor: object): void {
    this.#own.add(visitor);
  }

  /** It has gone. With the last one this host gives the storage up, or stops waiting for it. */
  async left(visitor: object): Promise<void> {
    if (!this.#own.delete(visitor) || this.#own.size > 0) return;
    const core = this.#core;
    if (!core) {
      this.#turn?.stop();
      this.#ending.abort();
      // The page may end this worker after that, and must not in the middle of it. Who asked for it is told if it fails.
      await this.#owning?.catch(() => {});
      return;
    }
    const ownership = this.#ownership;
    this.#forget(core);
    try {
      await core.close();
    } finally {
      ownership?.release();
    }
  }

  /** Goes on as a host that is no owner. */
  #forget(core: Core): void {
    if (this.#core !== core) return;
    this.#core = undefined;
    this.#owning = undefined;
    this.#ownership = undefined;
  }

  #lose(core: Core, why: string): void {
    if (this.#core !== core) return;
    const reason = `the storage was lost: ${why}; open the overlay again`;
    core.abandon(new FsError("ENODEV", { syscall: "open", path: this.#storage, reason }));
    const ownership = this.#ownership;
    this.#forget(core);
    this.#gathering.say({ say: "lost", reason });
    ownership?.release();
  }

  readonly #tell: ChangeListener = (changes) => this.#gathering.say({ say: "changed", changes });

  #sayOwner(): void {
    const epoch = this.#core?.superblock.epoch;
    if (epoch !== undefined) this.#gathering.say({ say: "owner", host: hostName, epoch });
  }

  #hear(said: Said): void {
    if (said.say === "owner" || said.say === "opening") this.#lastOwner = said.host;
    // To be ready for the succession, also if there is no network by then; else it is loaded when it is needed.
    if (said.say === "owner") loadWhole().catch(() => {});
    if (said.say === "who") {
      if (this.#opens) this.#gathering.say({ say: "opening", host: hostName });
      this.#sayOwner();
    }
    if (said.say === "call" && said.host === hostName) this.#answer(said.line);
  }

  /** Lets in a page of another tab. */
  #answer(name: string): void {
    const line = takeLine(name);
    expose(new Visitor(hostName, () => this, false, line.close), line.endpoint);
    this.#gathering.say({ say: "answer", line: name });
  }

  ownCore(): Core {
    if (!this.#core) throw new Moved();
    return this.#core;
  }
}

const hosts = new Map<string, StorageHost>();

/** This worker's host for a storage. */
export function hostOf(storage: string): Host {
  let host = hosts.get(storage);
  if (!host) {
    host = new StorageHost(storage);
    hosts.set(storage, host);
  }
  return host;
}
