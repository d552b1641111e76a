/**
 * minifo as the helper that mount(8) calls, by hand or for a line of fstab(5): `minifo SRC MNT -o WORDS` from
 * mount.fuse3 for the type fuse.minifo, `mount.minifo SRC MNT [-sfnv] [-o WORDS]` from mount itself for the type minifo,
 * where a link of that name lies in /sbin. Exit codes are mount(8)'s: 0 it is mounted, 1 wrong usage, 32 it failed.
 */
import { basename, isAbsolute } from "node:path";
import { cacheSetting } from "../base/network.ts";
import { isRemote } from "../base/open-base.ts";
import type { MountRequest } from "../mount/mount.ts";
import { parseMountWords } from "../mount/options.ts";
import { report } from "./failure.ts";
import { mountInBackground, placesFrom } from "./mount.ts";

const exitCodes = { mounted: 0, usage: 1, failed: 32 } as const;

const usage =
  "called by mount(8) it takes: SRC MNT [-sfnv] -o storage=DIR[,WORDS…], SRC being a URL or a directory";

/** How mount(8) called. */
export interface HelperCall {
  /** What stands before `-o` and the other options: source and mountpoint. */
  readonly operands: readonly string[];
  /** The lists behind `-o`. */
  readonly options: readonly string[];
  /** Pass over words that are not known. */
  readonly sloppy: boolean;
  /** Do everything but mount. */
  readonly fake: boolean;
  readonly verbose: boolean;
  /** What cannot be made sense of. */
  readonly unknown: readonly string[];
}

/**
 * The call in `argv` if it is one of mount(8), told by the program's name, or by a source in place of one of `commands`
 * before the absolute path of a mountpoint and `-o`.
 */
export function helperCall(
  argv: readonly string[],
  commands: ReadonlySet<string>,
): HelperCall | undefined {
  const [, program = "", ...args] = argv;
  if (/^mount\.(fuse\.)?minifo$/.test(basename(program))) return parsed(args);
  const [source = "-", mountpoint = "", option] = args;
  const isCall = option === "-o" && isAbsolute(mountpoint) && !source.startsWith("-");
  return isCall && !commands.has(source) ? withoutAdditions(parsed(args)) : undefined;
}

/** Mounts, and returns the exit code once it is mounted or has failed. */
export async function mountAsHelper(call: HelperCall): Promise<number> {
  let request: MountRequest;
  try {
    request = requestFrom(call);
  } catch (error) {
    report(error);
    return exitCodes.usage;
  }
  if (call.fake) return exitCodes.mounted;
  try {
    const mounted = await mountInBackground(request, request.words.log);
    if (call.verbose) process.stderr.write(`${mounted}\n`);
    return exitCodes.mounted;
  } catch (error) {
    report(error);
    return exitCodes.failed;
  }
}

function parsed(args: readonly string[]): HelperCall {
  const operands: string[] = [];
  const options: string[] = [];
  const unknown: string[] = [];
  const letters = new Set<string>();
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] ?? "";
    const next = args[at + 1];
    if (word === "-o" && next !== undefined) {
      options.push(next);
      at += 1;
    } else if (word === "-t" && next !== undefined) at += 1;
    else if (/^-[sfnv]+$/.test(word)) for (const letter of word.slice(1)) letters.add(letter);
    else if (word.startsWith("-")) unknown.push(word);
    else operands.push(word);
  }
  return {
    operands,
    options,
    unknown,
    sloppy: letters.has("s"),
    fake: letters.has("f"),
    verbose: letters.has("v"),
  };
}

/** mount.fuse3 ends the words with `dev,suid` unless told otherwise; that is not what somebody asked for. */
function withoutAdditions(call: HelperCall): HelperCall {
  const options = call.options.map((list) =>
    list.replace(/(^|,)dev(?=$|,suid$)/, "").replace(/(^|,)suid$/, ""),
  );
  return { ...call, options };
}

function requestFrom({ operands, options, sloppy, unknown }: HelperCall): MountRequest {
  const [source, mountpoint, ...more] = operands;
  if (source === undefined || mountpoint === undefined || more.length > 0 || unknown.length > 0) {
    throw new Error(`${unknown[0] ? `${unknown[0]} means nothing here; ` : ""}${usage}`);
  }
  const words = parseMountWords(options, sloppy);
  const { base = source, storage, log, cache: cacheDirectory } = words;
  if (storage === undefined) throw new Error("say where the changes are kept: -o storage=DIR");
  for (const [word, path] of Object.entries({ storage, log, cache: cacheDirectory })) {
    if (path === undefined || isAbsolute(path)) continue;
    const reason = "at boot it would mean another place than now";
    throw new Error(`-o ${word}=${path}: it has to be an absolute path, ${reason}`);
  }
  if (!isAbsolute(base) && !isRemote(base)) {
    const reason =
      "it has to be a URL or an absolute path: at boot it would mean another place than now";
    throw new Error(`the base '${base}': ${reason}`);
  }
  const places = placesFrom({ base, mountpoint, storage });
  const { cache: directory, cacheBytes: maxBytes } = words;
  const cache = cacheSetting({
    ...(directory !== undefined && { directory }),
    ...(maxBytes !== undefined && { maxBytes }),
  });
  return { ...places, words, driver: "kernel", cache, adoptBase: false, debug: false };
}
