/**
 * The words after `-o`, as mount(8) has them: what of them is ours, what the kernel's, what is for others, and what is a
 * mistake.
 */
import { FsError } from "../../src/index.ts";
import { bytesIn } from "../base/network.ts";
import type { MountProfile } from "../fuse/messages.ts";

/** What the words say. */
export interface MountWords {
  readonly readOnly: boolean;
  /** Owner of base objects that state none. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Permission bits never shown. */
  readonly umask: number;
  /** `stable`, `noopen` and `writeback`. */
  readonly profile: MountProfile;
  /** `poll=`: how often the base is asked whether it moved, in seconds; 0: never. */
  readonly poll_s: number;
  /** Words for the kernel. */
  readonly flags: readonly string[];
  /** `storage=` or `sto=`, the directory that keeps the changes. */
  readonly storage?: string;
  /** `base=`, which counts instead of what mount(8) calls the source. */
  readonly base?: string;
  /** `cache=`, the directory that keeps what is fetched. */
  readonly cache?: string;
  /** `cachesize=`, in bytes. */
  readonly cacheBytes?: number;
  /** `log=`, the file that takes what the serving process says. */
  readonly log?: string;
  /** The words that mean something here, except for those of places, to be given to another process. */
  readonly given: readonly string[];
}

/** What each pair of words decides; of both, the last one given counts. */
const switches: Readonly<Record<string, string>> = {
  ro: "access",
  rw: "access",
  dev: "dev",
  nodev: "dev",
  suid: "suid",
  nosuid: "suid",
  exec: "exec",
  noexec: "exec",
  atime: "atime",
  noatime: "atime",
  relatime: "atime",
  stable: "stability",
  open: "opening",
  noopen: "opening",
  writethrough: "writing",
  writeback: "writing",
};

/** A base is somebody else's tree: its setuid programs and device files mean nothing unless it is asked for. */
const untrusting = { access: "rw", dev: "nodev", suid: "nosuid" };

/** What the words decide that the kernel does not know. */
const oursAlone: ReadonlySet<string> = new Set([
  "stable",
  "open",
  "noopen",
  "writethrough",
  "writeback",
]);

/** Words that say what is so anyway, and those of fstab(5) that are meant for mount(8) and systemd. */
const ignored = new Set([
  ..."default_permissions defaults async auto noauto user nouser users nousers".split(" "),
  ..."owner noowner group nogroup _netdev nofail".split(" "),
]);
const ignoredPrefixes = ["x-", "X-", "comment="];

/** Whose values are paths or URLs; mini_fo called the storage `sto`. */
const placeWords: Readonly<Record<string, "storage" | "base" | "log" | "cache">> = {
  storage: "storage",
  sto: "storage",
  base: "base",
  log: "log",
  cache: "cache",
};

/** What whoever gave a wrong word is told of. */
const knownWords =
  "ro rw storage=DIR base=BASE log=FILE cache=DIR cachesize=SIZE poll=SECONDS uid=N gid=N umask=OCTAL allow_other dev nodev suid nosuid exec noexec atime noatime relatime stable noopen writeback";

/**
 * Reads lists of words, such as `["ro,noatime", "uid=1000"]`. A comma belongs to a value in double quotes or behind a
 * backslash. `sloppy` passes over words that are not known, as mount(8)'s `-s`.
 * @throws EINVAL a word is not known, or its value is none: the reason lists the words there are; or two words do not go
 * together
 */
export function parseMountWords(lists: readonly string[], sloppy = false): MountWords {
  const chosen: Record<string, string> = { ...untrusting };
  const numbers = {
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    umask: 0,
    poll: 60,
  };
  const places: { storage?: string; base?: string; log?: string; cache?: string } = {};
  let cacheBytes: number | undefined;
  const given: string[] = [];
  // Root's mounts are for all, as those of other file systems.
  let allowOther = process.getuid?.() === 0;
  for (const word of lists.flatMap(splitWords)) {
    const at = word.indexOf("=");
    const [key, value] = at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1)];
    const decided = Object.hasOwn(switches, word) ? switches[word] : undefined;
    const place = Object.hasOwn(placeWords, key) ? placeWords[key] : undefined;
    if (value && place !== undefined) {
      places[place] = value;
      continue;
    }
    if (decided !== undefined) chosen[decided] = word;
    else if (value !== undefined && Object.hasOwn(numbers, key)) {
      numbers[key as keyof typeof numbers] = numberOf(word, value, key === "umask" ? 8 : 10);
    } else if (value !== undefined && key === "cachesize") {
      cacheBytes = bytesIn(value);
      continue;
    } else if (word === "allow_other") allowOther = true;
    else if (word === "remount") throw noRemount();
    else if (isIgnored(word) || sloppy) continue;
    else throw unknown(word);
    given.push(word);
  }
  const { uid, gid, umask, poll } = numbers;
  const writeback = chosen.writing === "writeback";
  const noOpen = chosen.opening === "noopen";
  if (writeback && noOpen) throw notTogether();
  return {
    readOnly: chosen.access === "ro",
    owner: { uid, gid },
    umask,
    // A timer's longest time; it is three weeks.
    poll_s: Math.min(poll, 2_000_000),
    profile: { stable: writeback || chosen.stability === "stable", noOpen, writeback },
    flags: [
      ...Object.values(chosen).filter((word) => !oursAlone.has(word)),
      ...(allowOther ? ["allow_other"] : []),
    ],
    given,
    ...places,
    ...(cacheBytes !== undefined && { cacheBytes }),
  };
}

/** The words of one list, without quotes and backslashes, and without empty ones. */
function splitWords(list: string): string[] {
  const words = [""];
  let isQuoted = false;
  for (let at = 0; at < list.length; at += 1) {
    const character = list[at] ?? "";
    const next = list[at + 1];
    if (character === '"') isQuoted = !isQuoted;
    else if (character === "," && !isQuoted) words.push("");
    else if (character === "\\" && (next === "," || next === "\\" || next === '"')) {
      words[words.length - 1] += next;
      at += 1;
    } else words[words.length - 1] += character;
  }
  return words.filter((word) => word !== "");
}

function isIgnored(word: string): boolean {
  return ignored.has(word) || ignoredPrefixes.some((prefix) => word.startsWith(prefix));
}

function numberOf(word: string, text: string, radix: 8 | 10): number {
  const value = Number.parseInt(text, radix);
  const digits = radix === 8 ? /^[0-7]{1,4}$/ : /^\d{1,10}$/;
  if (!digits.test(text) || value > 0xffff_fffe) throw unknown(word);
  return value;
}

function unknown(word: string): FsError {
  return new FsError("EINVAL", {
    syscall: "mount",
    reason: `-o ${word} means nothing here; there are: ${knownWords}`,
  });
}

function notTogether(): FsError {
  return new FsError("EINVAL", {
    syscall: "mount",
    reason:
      "-o writeback,noopen: what the kernel gathers is written out when a file is closed, and with noopen nobody hears of that; choose one",
  });
}

function noRemount(): FsError {
  return new FsError("EINVAL", {
    syscall: "mount",
    reason: "-o remount: what a mount is like cannot be changed; unmount it and mount it anew",
  });
}
