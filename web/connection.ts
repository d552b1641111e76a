/**
 * A page's way to the owner of its storage, wherever that is: the worker it shares with other tabs, its own, or another
 * tab's. When the owner ends, or is found frozen, the way leads to the next one; a call under way is made again there if
 * it is known not to have been done or does no harm twice, else it fails and says so. What was acknowledged is not
 * touched: the owner had committed it.
 */
import { releaseProxy, wrap } from "comlink";
import { ChangeFeed, FsError } from "../src/index.ts";
import { foreign, Gathering, protocolVersion, type Said, takeLine } from "./gathering.ts";
import type { HostWorker } from "./host-worker.ts";
import { type Ask, interrupted, Link } from "./link.ts";
import { ended, live } from "./ownership.ts";
import { type Attached, type AttachRequest, isMoved, type WorkerCalls } from "./protocol.ts";

/** Calls `tick` once in a while until the returned function is called: what a page takes for time. */
export type Heartbeat = (tick: () => void) => () => void;

/** Once a second. A page in the background, whose timers are slowed down, is only slower to notice. */
export const everySecond: Heartbeat = (tick) => {
  const timer = setInterval(tick, 1000);
  return () => clearInterval(timer);
};

/** Heartbeats without a word from the owner, while a page waits for it, until it is taken for frozen. */
const patience = 8;

/** See the head of this file. */
export class Connection {
  /** What changes, whichever tab does it. */
  readonly changes = new ChangeFeed();
  readonly #gathering: Gathering;
  readonly #request: Omit<AttachRequest, "overlayId">;
  readonly #makeHost: (ownership: "tab" | "shared") => HostWorker;
  readonly #over = new AbortController();
  readonly #stopBeat: () => void;
  readonly #lost: (reason: string) => void;
  #host: HostWorker;
  #endLife: Promise<() => void>;
  /** The own host's way, from when it was asked for. */
  #becoming: Promise<Link> | undefined;
  #finding: Promise<Link> | undefined;
  /** Has what is being looked for looked for anew, by a host that lives. */
  #findAnew: () => void = () => {};
  #watchedHost: HostWorker | undefined;
  #link: Link | undefined;
  #overlayId: string | undefined;
  /** The last owner that was given up counted so many; only later ones are believed. */
  #epochPast = 0;
  #silent = 0;
  /** Heartbeats since a shared host was made that has not answered yet. */
  #unanswered = 0;
  #failure: FsError | undefined;

  /** `lost` is told why when the storage is taken away; every call fails from then on. */
  constructor(
    base: string,
    storage: string,
    makeHost: (ownership: "tab" | "shared") => HostWorker,
    heartbeat: Heartbeat,
    lost: (reason: string) => void,
  ) {
    const page = crypto.randomUUID();
    this.#request = { protocol: protocolVersion, page, base, storage };
    this.#makeHost = makeHost;
    this.#lost = lost;
    this.#host = makeHost("shared");
    this.#endLife = live(storage, page);
    this.#gathering = new Gathering(storage);
    this.#gathering.listen((said) => this.#hear(said));
    this.#stopBeat = heartbeat(() => this.#beat());
  }

  /** The way to the owner. Fails as the opening of the overlay does, and may be asked for again. */
  link(): Promise<Link> {
    if (this.#failure) return Promise.reject(this.#failure);
    this.#finding ??= this.#find().then(
      (link) => {
        this.#link = link;
        this.#silent = 0;
        // What the former owner had still to tell of may be missing.
        if (this.#overlayId !== undefined) this.changes.publish(undefined);
        this.#overlayId = link.attached.overlayId;
        return link;
      },
      (error) => {
        this.#finding = undefined;
        throw error;
      },
    );
    return this.#finding;
  }

  /** Asks the owner, and the next one if need be. */
  async call<T>({ ask, repeatable, syscall, path }: Ask<T>): Promise<T> {
    for (;;) {
      const link = await this.link();
      try {
        return await link.during(ask);
      } catch (error) {
        if (isMoved(error)) this.#drop(link);
        else if (error !== interrupted) throw error;
        else if (!repeatable) throw this.#failure ?? uncertain(syscall, path);
      }
    }
  }

  /** Asks the owner of what lives and dies with it, as an open file does. */
  async callOn<T>(link: Link, syscall: string, ask: Ask<T>["ask"]): Promise<T> {
    if (this.#failure) throw this.#failure;
    try {
      return await link.during(ask);
    } catch (error) {
      if (isMoved(error)) this.#drop(link);
      else if (error !== interrupted) throw error;
      const reason =
        "the tab that had this open for us was closed or froze; everything acknowledged is kept; open it again";
      throw this.#failure ?? new FsError("ESTALE", { syscall, reason });
    }
  }

  /** Leaves: what is open is closed, and the storage is another tab's, if there is one that wants it. */
  async close(): Promise<void> {
    if (this.#over.signal.aborted) return;
    const link = this.#link;
    this.#failure ??= new FsError("EBADF", { reason: "the overlay was closed" });
    this.#over.abort();
    this.#stopBeat();
    try {
      if (link && !link.isOwn) await leave(link.calls, link.attached.host).catch(() => {});
      const { calls, hello, answers, failed } = this.#host;
      const leaving = hello.then(({ host }) => leave(calls, host));
      // If the host does not answer there is nothing to be closed.
      if (answers) await Promise.race([leaving, failed.catch(() => {})]);
    } finally {
      link?.end();
      this.#host.end();
      this.#gathering.close();
      (await this.#endLife)();
    }
  }

  /** Looks for an owner among the others, and waits for its turn by the own host, whichever comes first. */
  async #find(): Promise<Link> {
    await this.#endLife;
    return new Promise((resolve, reject) => {
      let found = false;
      let own: string | undefined;
      const stop = (): void => {
        found = true;
        unlisten();
      };
      this.#findAnew = () => {
        if (found) return;
        stop();
        resolve(this.link());
      };
      const take = (link: Link): void => {
        if (found) {
          // Two ways at once: the other one came first.
          if (!link.isOwn) link.during((calls) => calls.leave()).finally(() => link.end());
          return;
        }
        stop();
        resolve(link);
      };
      const fail = (error: unknown): void => {
        stop();
        reject(error);
      };
      const calling = new Set<string>();
      const unlisten = this.#gathering.listen((said) => {
        if (said.say === "foreign") {
          fail(foreign(this.#request.storage, protocolVersion, said.protocol));
        }
        if (said.say !== "owner" || said.epoch <= this.#epochPast) return;
        // A shared host that has not told its name may be this very owner.
        const isOwn = own === undefined ? this.#host.isShared : said.host === own;
        if (isOwn || calling.has(said.host)) return;
        calling.add(said.host);
        this.#callOwner(said.host)
          .then(take, (error) => {
            if (error !== interrupted && !isMoved(error)) fail(error);
          })
          .finally(() => calling.delete(said.host));
      });
      this.#hello().then(({ host, name, protocol }) => {
        if (this.#host !== host || this.#over.signal.aborted) return;
        if (protocol !== protocolVersion) {
          fail(foreign(this.#request.storage, protocolVersion, protocol));
          return;
        }
        own = name;
        this.#watchHost(name);
        this.#becoming ??= this.#become();
        this.#becoming.then(take, fail);
        this.#gathering.say({ say: "who" });
      }, fail);
      // The own host may take long to answer, or never do: another one need not wait for that.
      this.#gathering.say({ say: "who" });
    });
  }

  /** Makes sure of the own host; a shared one that cannot be had is replaced by one of this tab. */
  async #hello(): Promise<{ host: HostWorker; name: string; protocol: number }> {
    const host = this.#host;
    try {
      const said = await Promise.race([host.hello, host.failed]);
      return { host, name: said.host, protocol: said.protocol };
    } catch (error) {
      if (!host.isShared) throw error;
      if (this.#host === host) this.#host = this.#makeHost("tab");
      return this.#hello();
    }
  }

  /** Waits until the own host is the owner. */
  async #become(): Promise<Link> {
    const host = this.#host;
    try {
      for (;;) {
        try {
          const request = { ...this.#request, overlayId: this.#overlayId };
          const attached = await Promise.race([host.calls.attach(request), host.failed]);
          return this.#watched(new Link(host.calls, attached, true, () => {}));
        } catch (error) {
          if (!isMoved(error)) throw error;
        }
      }
    } finally {
      this.#becoming = undefined;
    }
  }

  /** Takes a line to the owner, another tab's host. */
  async #callOwner(host: string): Promise<Link> {
    const name = `minifo:line:${crypto.randomUUID()}`;
    const line = takeLine(name);
    const proxy = wrap<WorkerCalls>(line.endpoint);
    const calls = proxy as unknown as WorkerCalls;
    const hangUp = (): void => {
      proxy[releaseProxy]();
      line.close();
    };
    const gone = new AbortController();
    try {
      const attached = await new Promise<Attached>((resolve, reject) => {
        ended(host, gone.signal).then(
          () => reject(interrupted),
          () => {}, // It has answered, or we gave up.
        );
        gone.signal.addEventListener("abort", () => reject(interrupted));
        const unlisten = this.#gathering.listen((said) => {
          if (said.say === "owner" && said.host !== host) reject(interrupted);
          if (said.say !== "answer" || said.line !== name) return;
          unlisten();
          calls.attach({ ...this.#request, overlayId: this.#overlayId }).then(resolve, reject);
        });
        this.#gathering.say({ say: "call", host, line: name });
      });
      return this.#watched(new Link(calls, attached, false, hangUp));
    } catch (error) {
      hangUp();
      throw error;
    } finally {
      gone.abort();
    }
  }

  /**
   * Replaces the own host, called `name`, once it has ended: a SharedWorker may lie in the process of another tab, and is
   * gone with it when that one crashes.
   */
  #watchHost(name: string): void {
    const host = this.#host;
    if (this.#watchedHost === host) return;
    this.#watchedHost = host;
    ended(name, this.#over.signal).then(
      () => {
        if (this.#host !== host) return;
        this.#replaceHost();
        if (this.#link?.isOwn) this.#drop(this.#link);
      },
      () => {}, // The page has closed its overlay.
    );
  }

  /** `link`, which ends with its owner. */
  #watched(link: Link): Link {
    if (link.isOwn) return link; // Watched as host.
    ended(link.attached.host, this.#over.signal).then(
      () => this.#drop(link),
      () => {}, // The page has closed its overlay.
    );
    return link;
  }

  /** Goes another way from now on. */
  #drop(link: Link): void {
    link.end();
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#finding = undefined;
    this.#epochPast = link.attached.epoch;
    // At once, so that this page waits for its turn even while it has nothing to ask.
    if (!this.#over.signal.aborted) this.link().catch(() => {}); // Whoever asks next is told.
  }

  #hear(said: Said): void {
    // Others that wait, too, are no sign of life of whom they wait for.
    if (said.say !== "who" && said.say !== "call") this.#silent = 0;
    if (said.say === "changed") this.changes.publish(said.changes);
    if (said.say === "lost" && !this.#failure) {
      const { storage: path } = this.#request;
      this.#failure = new FsError("ENODEV", { syscall: "open", path, reason: said.reason });
      this.#link?.end();
      this.#lost(said.reason);
    }
    const link = this.#link;
    if (said.say !== "owner" || !link) return;
    if (said.host !== link.attached.host && said.epoch > link.attached.epoch) this.#drop(link);
  }

  /** Asks whoever is waited for to show life, and takes over from an owner that has not for long. */
  #beat(): void {
    const link = this.#link;
    // A worker of this tab alone has not been frozen while this runs: it is still loading, and would never come to an end
    // of that if it were replaced.
    const isStuck = this.#host.isShared && !this.#host.answers;
    this.#unanswered = isStuck ? this.#unanswered + 1 : 0;
    if (this.#unanswered > patience) {
      this.#unanswered = 0;
      this.#replaceHost();
    }
    if (link ? !link.isBusy : !this.#finding) {
      this.#silent = 0;
      return;
    }
    this.#silent += 1;
    if (this.#silent > patience) {
      this.#silent = 0;
      this.#succeed(link);
      return;
    }
    if (!link) {
      this.#gathering.say({ say: "who" });
      return;
    }
    link.calls.ping().then(
      () => {
        this.#silent = 0;
      },
      () => {}, // Not even this was understood: that is no sign of life.
    );
  }

  #succeed(frozen: Link | undefined): void {
    if (frozen?.isOwn) this.#replaceHost();
    if (frozen) this.#drop(frozen);
    // Who waits for the owner goes on waiting, and tries this again.
    this.#host.calls.takeOver(frozen?.attached.host).catch(() => {});
  }

  #replaceHost(): void {
    this.#host.end();
    this.#host = this.#makeHost("tab");
    this.#becoming = undefined;
    if (this.#link) return;
    this.#finding = undefined;
    this.#findAnew();
    this.link().catch(() => {}); // Whoever asks next is told.
  }
}

/** Has the host called `name` close what the page had open, unless it has ended: then that is closed. */
async function leave(calls: WorkerCalls, name: string): Promise<void> {
  const left = new AbortController();
  const gone = ended(name, left.signal);
  gone.catch(() => {}); // It has answered.
  try {
    await Promise.race([calls.leave(), gone]);
  } finally {
    left.abort();
  }
}

function uncertain(syscall: string, path: string | undefined): FsError {
  const reason =
    "the tab that kept this storage was closed or froze while this was under way, and it is not known whether it was " +
    "done; look, and do it again if it was not";
  return new FsError("EIO", { syscall, path, reason });
}
