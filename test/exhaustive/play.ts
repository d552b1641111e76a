/**
 * Plays a sequence of steps on an overlay and on the mirror, with a copy of the disk taken before and after every commit
 * and after every fsync. Each copy is a crash: opened again it must show the state after some prefix of the steps that
 * contains all that the last completed fsync covered.
 */
import { expect } from "vitest";
import { Deferred, FsError, MemoryDisk, openMemoryStorage, run } from "../../src/index.ts";
import { identityHash } from "../../src/overlay/identity-hash.ts";
import { Fixture } from "../overlay/fixture.ts";
import { copyOf, faultsOf } from "./disk-states.ts";
import { Clock, linesOfOverlay, Mirror, numbersOf } from "./mirror.ts";
import { chunkSize, populate, type Step, type Subject, tree } from "./steps.ts";

/** How a sequence of steps meets its commits. */
export type Schedule =
  /** fsync after each step. */
  | "each step is synced"
  /** One fsync for all. */
  | "all are synced together"
  /** After each step a fsync and a crash: the next one works on records alone. */
  | "a crash after each"
  /** Each step but the first is taken while the commit of the one before is under way. */
  | "each while the one before is committed"
  /** The same, and that commit fails. */
  | "each while the commit of the one before fails";

/** All of them. */
export const schedules: readonly Schedule[] = [
  "each step is synced",
  "all are synced together",
  "a crash after each",
  "each while the one before is committed",
  "each while the commit of the one before fails",
];

/** What was played so far. */
export const played = { sequences: 0, steps: 0, commits: 0, crashes: 0 };

const plainHash = identityHash("exhaustive");
const hashes = new Map<string, number>();

/** The hash of FORMAT.md, computed once for each key: a run of the whole set opens some hundred thousand overlays. */
function hash(identity: string): number {
  const known = hashes.get(identity) ?? plainHash(identity);
  hashes.set(identity, known);
  return known;
}

/** A disk's state, and for each moment it was seen at the states of the tree it may show, as numbers of steps taken. */
interface Crash {
  readonly disk: MemoryDisk;
  readonly allowed: { readonly least: number; readonly most: number }[];
}

interface PendingSync {
  readonly synced: Promise<void>;
  readonly gate: Deferred<void>;
}

/** Opens an overlay of the steps' base over what `disk` holds. */
export function openOver(disk: MemoryDisk, clock: Clock): Promise<Fixture> {
  const openStorage = () => openMemoryStorage(disk);
  return Fixture.open(tree, { chunkSize, hash, now: clock.now, openStorage });
}

/** Whether `step` succeeds after `before`, as the mirror alone tells. */
export function succeeds(before: readonly Step[], step: Step): boolean {
  const mirror = new Mirror(new Clock(), populate);
  for (const earlier of before) mirror.code(() => earlier.onMirror(mirror));
  return mirror.code(() => step.onMirror(mirror)) === undefined;
}

/**
 * Plays `steps` in one way and checks all of it.
 * A failed expectation names the steps, the schedule and what was about to be compared.
 */
export async function play(steps: readonly Step[], schedule: Schedule): Promise<void> {
  const game = new Game(steps, schedule);
  await game.open();
  for (const step of steps) await game.take(step);
  await game.end();
}

class Game implements Subject {
  readonly #title: string;
  readonly #schedule: Schedule;
  readonly #clock = new Clock();
  readonly #mirror = new Mirror(this.#clock, populate);
  readonly #directoryTimes: boolean;
  /** The mirror's lines after so many steps. */
  readonly #states: string[][] = [];
  readonly #crashes: Crash[] = [];
  /** How many steps the last completed fsync covered. */
  #safe = 0;
  #underWay = 0;
  /** The fsync that runs beside the next step, and what lets it end. */
  #pending: PendingSync | undefined;
  #disk = new MemoryDisk();
  f!: Fixture;
  held: Subject["held"] = [];

  constructor(steps: readonly Step[], schedule: Schedule) {
    this.#title = `${steps.map(({ name }) => name).join(", ")}; ${schedule}`;
    this.#schedule = schedule;
    this.#directoryTimes = !steps.some(({ isRevert }) => isRevert);
    played.sequences += 1;
  }

  async open(): Promise<void> {
    this.#states.push(this.#mirror.lines(this.#directoryTimes));
    await this.#mount();
  }

  async take(step: Step): Promise<void> {
    played.steps += 1;
    this.#clock.seconds += 1;
    const expected = this.#mirror.code(() => step.onMirror(this.#mirror));
    this.#underWay = 1;
    const taken = this.#codeOf(step);
    if (this.#pending) await this.#letGo(taken);
    const code = await taken;
    this.#underWay = 0;
    expect([this.#title, step.name, code]).toEqual([this.#title, step.name, expected]);
    this.#states.push(this.#mirror.lines(this.#directoryTimes));
    if (this.#schedule === "all are synced together") return;
    if (this.#schedule.startsWith("each while")) {
      this.#beginSync();
      return;
    }
    await this.#sync();
    if (this.#schedule === "a crash after each") {
      this.held = [];
      this.#note();
      this.#disk = copyOf(this.#disk);
      await this.#mount();
    }
  }

  async end(): Promise<void> {
    if (this.#pending) await this.#letGo(undefined);
    await this.#sync();
    this.#note();
    const last = this.#states.at(-1);
    expect([this.#title, await linesOfOverlay(this.f, this.#directoryTimes)]).toEqual([
      this.#title,
      last,
    ]);
    for (const handle of this.held) await run(this.f.overlay.release(handle));
    await this.#sync();
    this.#note();
    this.#expectSound(this.#disk, "at the end");
    const numbers = await numbersOf(this.f);
    for (const crash of this.#crashes) await this.#reopen(crash);
    await this.#expectReverted(numbers);
  }

  async #codeOf(step: Step): Promise<string | undefined> {
    try {
      await step.onOverlay(this);
      return undefined;
    } catch (error) {
      if (error instanceof FsError) return error.code;
      throw new Error(`${this.#title}: ${step.name}`, { cause: error });
    }
  }

  /** Starts a fsync whose commit ends only in `#letGo`. */
  #beginSync(): void {
    const gate = new Deferred<void>();
    const covers = this.#states.length - 1;
    let isFirst = true;
    this.#disk.before = (call) => {
      if (call.method !== "commit") return undefined;
      this.#note();
      played.commits += 1;
      if (!isFirst) return undefined;
      isFirst = false;
      return gate;
    };
    const synced = run(this.f.overlay.commit("strict")).then(
      () => {
        this.#safe = Math.max(this.#safe, covers);
        this.#note();
      },
      (error) => {
        if (this.#schedule !== "each while the commit of the one before fails") throw error;
      },
    );
    this.#pending = { synced, gate };
  }

  /** Lets `taken` come as far as it can beside the commit under way, then ends that. */
  async #letGo(taken: Promise<unknown> | undefined): Promise<void> {
    const { synced, gate } = this.#pending as PendingSync;
    this.#pending = undefined;
    let isDone = taken === undefined;
    void taken?.then(() => {
      isDone = true;
    });
    for (let turn = 0; turn < 60 && !isDone; turn += 1) await undefined;
    const fails = this.#schedule === "each while the commit of the one before fails";
    if (fails) gate.reject(new FsError("EIO", { reason: "the disk is told to fail" }));
    else gate.resolve();
    await synced;
  }

  async #sync(): Promise<void> {
    const covers = this.#states.length - 1;
    await run(this.f.overlay.commit("strict"));
    this.#safe = covers;
    this.#note();
  }

  /** Remembers the disk as it is now: what a crash at this moment would leave. */
  #note(): void {
    const disk = this.#disk;
    const most = this.#states.length - 1 + this.#underWay;
    const last = this.#crashes.at(-1);
    const seen = { least: this.#safe, most };
    if (last && last.disk.superblock === disk.superblock) last.allowed.push(seen);
    else this.#crashes.push({ disk: copyOf(disk), allowed: [seen] });
  }

  async #reopen({ disk, allowed }: Crash): Promise<void> {
    played.crashes += 1;
    const f = await openOver(disk, this.#clock);
    const lines = await linesOfOverlay(f, this.#directoryTimes);
    const text = lines.join("\n");
    for (const { least, most } of allowed) {
      const states = this.#states.slice(least, most + 1);
      if (states.some((state) => state.join("\n") === text)) continue;
      const where = `${this.#title}: after a crash, with steps ${least} to ${most} allowed`;
      expect([where, lines]).toEqual([where, states.at(-1)]);
    }
    this.#expectSound(disk, "after a crash");
  }

  /** After a crash all numbers are what they were, and a revert of everything shows the base and leaves no leak. */
  async #expectReverted(numbers: ReadonlyMap<string, number>): Promise<void> {
    const disk = copyOf(this.#disk);
    const f = await openOver(disk, this.#clock);
    expect([this.#title, await numbersOf(f)]).toEqual([this.#title, numbers]);
    await run(f.overlay.revert([""])).catch((error) => expect(error.code).toBe("ENOENT"));
    const first = new Mirror(this.#clock, populate).lines(false);
    expect([this.#title, await linesOfOverlay(f, false)]).toEqual([this.#title, first]);
    expect([this.#title, await run(f.overlay.changes())]).toEqual([this.#title, []]);
    this.#expectSound(disk, "after a revert of everything");
    await f.remount();
    expect([this.#title, await linesOfOverlay(f, false)]).toEqual([this.#title, first]);
  }

  #expectSound(disk: MemoryDisk, when: string): void {
    const where = `${this.#title}; ${when}`;
    expect([where, faultsOf(disk)]).toEqual([where, []]);
  }

  async #mount(): Promise<void> {
    this.f = await openOver(this.#disk, this.#clock);
    this.#disk.before = (call) => {
      if (call.method === "commit") {
        played.commits += 1;
        this.#note();
      }
      return undefined;
    };
    this.#note();
  }
}
