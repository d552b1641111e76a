/**
 * Who has a storage on disk: one process at a time, told by a record that is written in one transaction. A process is
 * known by its id, its start time and the boot it runs under, so that a number used again is not taken for it. A
 * holder that died is succeeded without asking; each taking raises the epoch, and a commit with an older one fails.
 */
import { readFileSync } from "node:fs";
import { FsError } from "../../src/index.ts";

/** Who has a storage, as others see it. */
export interface Holder {
  readonly pid: number;
  /** What it does with the storage, as in "mounted at /x". */
  readonly holder: string;
  /** It is about to give the storage up: worth waiting for. */
  readonly closing: boolean;
}

/** The record of who has the storage. */
export interface OwnershipRecord {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks from the boot to the start of the process. */
  readonly started: string;
  /** /proc/sys/kernel/random/boot_id. */
  readonly boot: string;
  readonly holder: string;
  readonly epoch: number;
  readonly state: "open" | "closing";
}

/** The ownership of this process from `epoch` on. */
export function ownershipOfThisProcess(holder: string, epoch: number): OwnershipRecord {
  const { pid } = process;
  return {
    pid,
    started: startOf(pid) ?? "",
    boot: currentBoot(),
    holder,
    epoch,
    state: "open",
  };
}

/** Whether both tell of the same taking by the same process, whatever its state is now. */
export function isSameOwnership(a: OwnershipRecord | undefined, b: OwnershipRecord): boolean {
  return (
    a !== undefined &&
    a.pid === b.pid &&
    a.started === b.started &&
    a.boot === b.boot &&
    a.epoch === b.epoch
  );
}

/** Whether the process that took the storage still runs. */
export function isAlive({ pid, started, boot }: OwnershipRecord): boolean {
  return boot === currentBoot() && startOf(pid) === started;
}

/** What names this process and no other, before or after it: its id, its start and the boot it runs under. */
export function tokenOfThisProcess(): string {
  const started = Number(startOf(process.pid) ?? 0).toString(16);
  return `${process.pid}.${started}.${shortBoot()}`;
}

/** Whether the process that a `tokenOfThisProcess` names still runs. */
export function isTokenAlive(token: string): boolean {
  const [pid, started, boot] = token.split(".");
  const now = startOf(Number(pid));
  return now !== undefined && Number(now).toString(16) === started && boot === shortBoot();
}

function shortBoot(): string {
  return currentBoot().slice(0, 8);
}

/** What others are told of an owner. */
export function holderFrom({ pid, holder, state }: OwnershipRecord): Holder {
  return { pid, holder, closing: state === "closing" };
}

/** The error for whoever wants a storage that a living process has. */
export function busy(record: OwnershipRecord, directory: string): FsError {
  const { pid, holder, state } = record;
  const isOurs = pid === process.pid;
  const remedy = isOurs ? "close it first" : "unmount it there or end that process first";
  const who = isOurs ? `this very process (${pid})` : `process ${pid}`;
  const reason =
    state === "closing"
      ? `the storage is being closed by ${who}, ${holder}; try again in a moment`
      : `the storage is ${holder} by ${who}; ${remedy}`;
  return new FsError("EBUSY", { syscall: "open", path: directory, reason });
}

/** When the process `pid` was started; undefined if there is none, or none that runs any more. */
function startOf(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    // No such process, or no /proc here: where nobody can be seen nobody is taken to be alive.
    return undefined;
  }
  // The second field is the program's name in parentheses, which may hold blanks and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, started] = [fields[0], fields[19]];
  return state === "Z" || state === "X" ? undefined : started;
}

function currentBoot(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    // A system without it (not Linux): processes are then told apart by id and start alone.
    return "";
  }
}
