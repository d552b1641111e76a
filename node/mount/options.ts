/** The words after `-o`, as mount(8) has them: what of them is ours, what the kernel's, and what is a mistake. */
import { FsError } from "../../src/index.ts";

/** What the words say. */
export interface MountWords {
  readonly readOnly: boolean;
  /** Owner of base objects that state none. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Permission bits never shown. */
  readonly umask: number;
  /** Words for the kernel. */
  readonly flags: readonly string[];
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
};

/** A base is somebody else's tree: its setuid programs and device files mean nothing unless it is asked for. */
const untrusting = { access: "rw", dev: "nodev", suid: "nosuid" };

/** Words that say what is so anyway. */
const implied: ReadonlySet<string> = new Set(["allow_other", "default_permissions", "defaults"]);

/** The help's list of words. */
export const knownWords =
  "ro rw uid=N gid=N umask=OCTAL allow_other dev nodev suid nosuid exec noexec atime noatime relatime";

/**
 * Reads lists of words, such as `["ro,noatime", "uid=1000"]`.
 * @throws EINVAL a word is not known, or its value is none; the reason lists the words there are
 */
export function parseMountWords(lists: readonly string[]): MountWords {
  const chosen: Record<string, string> = { ...untrusting };
  const numbers = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, umask: 0 };
  for (const word of lists.flatMap((list) => list.split(",")).filter((word) => word !== "")) {
    const [key = "", value] = word.split("=", 2);
    const decided = switches[word];
    if (decided !== undefined) chosen[decided] = word;
    else if (value !== undefined && Object.hasOwn(numbers, key)) {
      numbers[key as keyof typeof numbers] = numberOf(word, value, key === "umask" ? 8 : 10);
    } else if (!implied.has(word)) throw unknown(word);
  }
  const { uid, gid, umask } = numbers;
  return {
    readOnly: chosen.access === "ro",
    owner: { uid, gid },
    umask,
    flags: Object.values(chosen),
  };
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
