/** `minifo mount BASE MOUNTPOINT --storage DIR`: the overlay as a Linux mount. */
import { resolve } from "node:path";
import { Command, Option } from "commander";
import { cacheSetting } from "../base/network.ts";
import { isStartedByOther, listenerOr, startInBackground } from "../mount/daemon.ts";
import { type Driver, drivers, type MountRequest, serveMount } from "../mount/mount.ts";
import { parseMountWords } from "../mount/options.ts";
import { isUrl, type Places } from "../mount/places.ts";
import { asUsage, type CacheOptions, withCacheOptions } from "./cache-options.ts";
import { report } from "./failure.ts";

const help = `
BASE is the URL of a tree that has a minifo.json (see \`minifo index\`), or a directory.
It is never written to: every change goes to the storage, is there again when the same
BASE and storage are mounted again, and is listed by \`minifo status\`.

Returns once it is mounted, and leaves a process that serves it. That ends, with all
changes stored, on \`minifo umount\`, \`umount\` or SIGTERM.

An ordinary user mounts on a directory of his own, with fuse3 (Debian: apt-get install
fuse3) and the package koffi, or without both in \`unshare -Urm\`.

Words for -o:
  ro, rw           refuse changes, or take them
  storage=, sto=   as --storage, log= as --log, base= in place of the argument
  uid=N, gid=N     who owns what in the base has no owner
  umask=OCTAL      permission bits never shown
  allow_other      others may use an ordinary user's mount (root's they may anyway)
  suid, dev        setuid programs and device files of the base count; else they do not
  stable           a base that is a directory is promised not to change while it is
                   mounted, as other overlay file systems expect: the kernel then asks
                   about each file once, and not again every second
  noopen           leaves opening and closing of files to the kernel, several times
                   faster where many files are read; a close then reports no failure
                   (fsync does), and an unlinked file takes up space until the kernel
                   forgets it
  writeback        the kernel gathers what is written: many small writes to one file
                   become few. What was written to a file that is neither closed nor
                   fsynced dies with the process that serves (else: what is younger
                   than a second); a full storage is told by close and fsync, not by
                   write, and what was gathered is lost then; a file that is open
                   keeps its size through a revert; no holes are told of (SEEK_HOLE).
                   The base may not change (it means stable too). Not with noopen or
                   fuse-native; writethrough takes it back
nodev, nosuid, exec, noexec, atime, noatime and relatime are mount(8)'s. Words of fstab(5)
such as defaults, noauto, users, nofail, _netdev and x-… are taken and mean nothing here.

Each file tells what it is: \`getfattr -n user.minifo.state FILE\` gives the word of
\`minifo status\` or "unmodified"; .origin, .base and .local-bytes tell the rest.

The driver fuse-native is for where /dev/fuse cannot be spoken to directly. It needs
libfuse.so.2 (Debian: apt-get install libfuse2) and loses: mtimes set alone (they become
the atime), times below a millisecond or before 1970, inode numbers (hard links are not
seen to be one file), RENAME_NOREPLACE and EXCHANGE, fallocate, who the caller is; what is
unlinked while open shows as .fuse_hidden; it writes 4 KiB at a time and is several times
slower.

What is fetched of a base over HTTP is kept in a cache that all mounts share (default:
$XDG_CACHE_HOME/minifo or ~/.cache/minifo, 1 GiB; or cache= and cachesize=). Where there
is no network, a base that was mounted before is mounted from it.
A mount stays with the base it began with. Every minute, or as poll= says (0: never), it
asks whether something newer is published there, and says so.

Examples:
  minifo mount https://example.org/docs/ /mnt --storage ~/docs-changes
  minifo mount ./site /mnt --storage ./changes --foreground -o noatime,umask=022
  minifo mount ./site /mnt --storage ./changes -o ro
  mount -t fuse.minifo -o storage=/var/lib/docs https://example.org/docs/ /mnt
and as a line of /etc/fstab:
  https://example.org/docs/ /mnt fuse.minifo storage=/var/lib/docs,_netdev 0 0
There setuid programs and device files of the base never count.`;

interface Options extends CacheOptions {
  readonly storage?: string;
  readonly foreground?: true;
  readonly driver: Driver;
  readonly options?: readonly string[];
  readonly log?: string;
  readonly adoptBase?: true;
  readonly debug?: true;
}

/** The command `mount`. */
export function mountCommand(): Command {
  const command = new Command("mount")
    .description("mount a base with its changes on a directory")
    .argument("<base>", "URL or directory that lies below")
    .argument("<mountpoint>", "directory to mount on")
    .option("--storage <dir>", "directory that keeps the changes; made if it is not there")
    .option("--foreground", "serve in this process instead of in the background")
    .addOption(
      new Option("--driver <name>", "how to reach the kernel").choices(drivers).default("kernel"),
    )
    .option("-o, --options <words>", "mount options, separated by commas", collect)
    .option("--log <file>", "append what the serving process says, in the background too")
    .option("--adopt-base", "use a storage that was made over another base")
    .option("--debug", "tell of each request of the kernel, and of defects in full")
    .addHelpText("after", help);
  return withCacheOptions(command).action(
    async (base: string, mountpoint: string, options: Options) => {
      const words = parseMountWords(options.options ?? []);
      const storage =
        options.storage ??
        words.storage ??
        command.error("error: say where the changes are kept: --storage DIR, or -o storage=DIR");
      const { cache: directory = words.cache, cacheSize: maxBytes = words.cacheBytes } = options;
      const request: MountRequest = {
        ...placesFrom({ base: words.base ?? base, mountpoint, storage }),
        words,
        cache: cacheSetting({
          ...(directory && { directory }),
          ...(maxBytes !== undefined && { maxBytes }),
        }),
        driver: options.driver,
        adoptBase: options.adoptBase === true,
        debug: options.debug === true,
      };
      const log = options.log ?? words.log;
      if (options.foreground) await inForeground(request);
      else if (request.debug && log === undefined) {
        command.error(
          "error: --debug tells nobody in the background: add --log FILE or --foreground",
        );
      } else say(await mountInBackground(request, log));
    },
  );
}

/** `places` with absolute paths, so that a process with another working directory means the same. */
export function placesFrom({ base, mountpoint, storage }: Places): Places {
  return {
    base: isUrl(base) ? base : resolve(base),
    mountpoint: resolve(mountpoint),
    storage: resolve(storage),
  };
}

/** Serves to the end and leaves: libfuse's threads would keep the process. What a log takes has the time in front. */
async function inForeground(request: MountRequest): Promise<never> {
  const inBackground = isStartedByOther();
  const tell = (message: string): void => {
    say(inBackground ? `${new Date().toISOString()} minifo[${process.pid}]: ${message}` : message);
  };
  const listener = listenerOr({ say: tell, ready: tell });
  try {
    const { error } = await serveMount(request, listener);
    if (error) process.exit(report(error));
    if (inBackground) tell(`unmounted ${request.mountpoint}, with everything stored`);
    process.exit(0);
  } catch (error) {
    process.exit(listener.failed(error) ? 1 : report(error));
  }
}

/**
 * Starts a process that mounts and serves, and returns once it is mounted, with a sentence about it. What else that
 * process says till then goes to stderr.
 * @throws what kept it from being mounted
 */
export async function mountInBackground(
  request: MountRequest,
  log: string | undefined,
): Promise<string> {
  const { base, mountpoint, storage, words } = request;
  const args = ["mount", "--foreground", "--storage", storage, "--driver", request.driver];
  if (words.given.length > 0) args.push("-o", words.given.join(","));
  if (request.adoptBase) args.push("--adopt-base");
  if (request.debug) args.push("--debug");
  const { cache } = request;
  args.push("--cache", cache.directory, "--cache-size", String(cache.maxBytes));
  const file = log === undefined ? undefined : resolve(log);
  return await startInBackground([...args, "--", base, mountpoint], file, say);
}

function say(message: string): void {
  process.stderr.write(`${message}\n`);
}

/** Adds `words` to those of the `-o` before; a mistake in them is one of the call. */
function collect(words: string, before: readonly string[] = []): string[] {
  asUsage(() => parseMountWords([words]));
  return [...before, words];
}
