/**
 * One page at a host: answers its calls, and keeps what it has open. When the page has left, or its tab has ended in
 * whatever way, its files are closed and its batches end.
 */
import { transfer } from "comlink";
import { baseUrlOf, FsError, type FsReading, keptPart } from "../src/index.ts";
import type { Core } from "./core.ts";
import { untilClosed } from "./databases.ts";
import { foreign, protocolVersion } from "./gathering.ts";
import { ended, showLife } from "./ownership.ts";
import {
  type AttachRequest,
  buffersOf,
  type FirstCalls,
  Moved,
  methodOf,
  pack,
  type VisitCalls,
} from "./protocol.ts";
import type { Visit } from "./visit.ts";

/** Whether other pages may come to this worker. */
const isShared = "onconnect" in globalThis;

/** What a visitor needs of the core. */
export type OpenCore = Pick<
  Core,
  "base" | "superblock" | "url" | "traffic" | "run" | "read" | "whole"
>;

/** What a visitor needs of the host it visits. */
export interface Host {
  readonly name: string;
  /** Waits until the host is the owner, with the overlay of the base at the URL `base` open. */
  become(base: string): Promise<OpenCore>;
  /** @throws Moved the host is not the owner */
  ownCore(): OpenCore;
  takeOver(owner: string | undefined): Promise<void>;
  enter(visitor: object): void;
  left(visitor: object): Promise<void>;
}

/** The calls for which all of the core is needed whatever they ask, and what they do, as errors tell it. */
const visitCalls: Record<Exclude<keyof VisitCalls, "call">, string> = {
  openFile: "open",
  beginBatch: "batch",
  endBatch: "batch",
  callFile: "call",
  readFile: "read",
  listDirectory: "opendir",
  original: "open",
  status: "status",
  revert: "revert",
  poll: "poll",
  beginPrefetch: "prefetch",
  prefetchStep: "prefetch",
  endPrefetch: "prefetch",
  flush: "fsync",
};

/** What a page does at a core beyond reading, from when it first needs it. */
interface BegunVisit {
  readonly core: OpenCore;
  readonly begun: Promise<Visit>;
  there?: Visit;
}

/** See the head of this file. */
export class Visitor implements FirstCalls, Pick<VisitCalls, "call"> {
  readonly #name: string;
  readonly #hostOf: (storage: string) => Host;
  readonly #isOwn: boolean;
  readonly #hangUp: () => void;
  readonly #gone = new AbortController();
  #host: Host | undefined;
  #enter: () => void = () => {};
  /** Resolves with the first `attach`: calls may overtake it. */
  readonly #entered = new Promise<void>((resolve) => {
    this.#enter = resolve;
  });
  #core: OpenCore | undefined;
  /** What it does at which core beyond reading. */
  #visit: BegunVisit | undefined;

  /** A page of an endpoint of this worker, called `name` as a host (`isOwn`), or of another tab's. */
  constructor(
    name: string,
    hostOf: (storage: string) => Host,
    isOwn: boolean,
    hangUp: () => void = () => {},
  ) {
    this.#name = name;
    this.#hostOf = hostOf;
    this.#isOwn = isOwn;
    this.#hangUp = hangUp;
    for (const [name, syscall] of Object.entries(visitCalls)) {
      const call = async (...values: readonly unknown[]) =>
        methodOf(await this.#visiting(syscall, values), name)(...values);
      Object.defineProperty(this, name, { value: call });
    }
  }

  async hello() {
    // Whoever knows the name may watch for its end.
    await showLife("", this.#name);
    return { host: this.#name, protocol: protocolVersion };
  }

  async attach({ protocol, page, base, storage, overlayId }: AttachRequest) {
    if (protocol !== protocolVersion) throw foreign(storage, protocolVersion, protocol);
    const host = this.#hostOf(storage);
    if (!this.#host) {
      this.#host = host;
      if (this.#isOwn) host.enter(this);
      ended(page, this.#gone.signal).then(
        () => this.leave(),
        () => {}, // It has left by itself.
      );
    }
    const becoming = this.#isOwn ? host.become(base) : host.ownCore();
    this.#enter();
    const core = await becoming;
    refuseOtherBase(storage, core.url, base);
    const { epoch, overlayId: id } = core.superblock;
    if (overlayId !== undefined && overlayId !== id) {
      const reason =
        "the storage is not the one this page had open: it was deleted, or cleared by the browser, " +
        "and what was changed in it is gone; open the overlay again";
      throw new FsError("ENODEV", { syscall: "open", path: storage, reason });
    }
    this.#core = core;
    const { locator, identity } = core.base;
    const kept = keptPart(core.base);
    return {
      host: host.name,
      epoch,
      overlayId: id,
      base: { locator, identity, ...(kept && { kept }) },
    };
  }

  async takeOver(owner: string | undefined) {
    await this.#entered;
    await this.#host?.takeOver(owner);
  }

  async ping() {}

  async leave() {
    this.#gone.abort();
    this.#core = undefined;
    await this.#visit?.there?.leave();
    await this.#host?.left(this);
    // The page ends its own worker once it has this answer, or goes, and the shared one with it.
    if (this.#isOwn) await untilClosed(!isShared);
    // After the answer to this call has been sent.
    setTimeout(this.#hangUp);
  }

  async call(batch: number | undefined, method: string, values: readonly unknown[]) {
    if (batch === undefined && isReading(method, values)) {
      return this.#run((core) =>
        core.read(async (fs) => pack(await methodOf(fs, method)(...values))),
      );
    }
    return (await this.#visiting(method, values)).call(batch, method, values);
  }

  listWithStats(path: string) {
    return this.#run((core) => core.read((fs) => namesWithStats(fs, path)));
  }

  readFiles(paths: readonly string[]) {
    return this.#run(async (core) => {
      const contents = await core.read((fs) => Promise.all(paths.map((path) => fs.readFile(path))));
      return transfer(contents, buffersOf(contents));
    });
  }

  async traffic() {
    return this.#attached().traffic;
  }

  #attached(): OpenCore {
    if (!this.#core) throw new Moved();
    return this.#core;
  }

  async #run<T>(work: (core: OpenCore) => Promise<T>): Promise<T> {
    const core = this.#attached();
    return core.run(() => work(core));
  }

  /** What a call needs for which all of the core is needed; `values` are what it is given. */
  async #visiting(syscall: string, values: readonly unknown[]): Promise<Visit> {
    try {
      const visit = await this.#visitAt(this.#attached());
      // What is begun now nobody would end.
      if (this.#gone.signal.aborted) throw new Moved();
      return visit;
    } catch (error) {
      if (!(error instanceof FsError) || error.syscall !== undefined) throw error;
      // Paths come first, before what else is text.
      const path = values.flat().find((value): value is string => typeof value === "string");
      throw error.at({ syscall, path });
    }
  }

  #visitAt(core: OpenCore): Promise<Visit> {
    if (this.#visit?.core === core) return this.#visit.begun;
    const begun = core.whole().then((whole) => whole.visit(core));
    const visit: BegunVisit = { core, begun };
    this.#visit = visit;
    begun.then(
      (there) => {
        visit.there = there;
      },
      () => {
        // The next call tries again.
        if (this.#visit === visit) this.#visit = undefined;
      },
    );
    return begun;
  }
}

/** Methods that change nothing, and are there at once. */
const readings: ReadonlySet<string> = new Set<keyof FsReading>([
  "lstat",
  "readFile",
  "readdir",
  "readlink",
  "realpath",
  "stat",
]);

/** Whether `method` with `values` is one of them: with a flag, readFile may do more than read, and readdir what is below. */
function isReading(method: string, [, options]: readonly unknown[]): boolean {
  const hasMore = options instanceof Object && ("flag" in options || "recursive" in options);
  return readings.has(method) && !hasMore;
}

/** The names in a directory, sorted, each with its Stats. */
async function namesWithStats(fs: FsReading, path: string) {
  const names = await fs.readdir(path);
  const directory = path.endsWith("/") ? path : `${path}/`;
  const listed = names.map(async (name) => {
    try {
      return [{ name, stats: await fs.lstat(directory + name) }];
    } catch (error) {
      // A name that went while we listed is as if it had gone before.
      if (error instanceof FsError && error.code === "ENOENT") return [];
      throw error;
    }
  });
  return (await Promise.all(listed)).flat();
}

function refuseOtherBase(storage: string, open: string, wanted: string): void {
  if (wanted === open || baseUrlOf(wanted) === baseUrlOf(open)) return;
  const reason = `the storage is open over another base, ${open}, in another tab; use another storage`;
  throw new FsError("EINVAL", { syscall: "open", path: storage, reason });
}
