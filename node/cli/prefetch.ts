/** `minifo prefetch BASE [PATH…]`: fetches a base, or parts of it, so that they can be read without a network. */
import { Command } from "commander";
import { type Base, FsError, keptPart, prefetch, run } from "../../src/index.ts";
import { cacheSetting, networkFetcher } from "../base/network.ts";
import { isRemote, openBase } from "../base/open-base.ts";
import { endSignals } from "../mount/mount.ts";
import { type CacheOptions, settingIn, withCacheOptions } from "./cache-options.ts";
import { inUnits, ProgressBar } from "./progress-bar.ts";

const help = `
What is fetched goes to the cache that mounts use, and is read from there; nothing that
is there already is fetched again. While it runs, whoever reads goes first.
It fails if the cache has no room for all of it: give it more with --cache-size, which
has to be given to \`minifo mount\`, too.

Examples:
  minifo prefetch https://example.org/docs/
  minifo prefetch https://example.org/docs/ guide api/index.html
  minifo prefetch https://example.org/docs/ --cache-size 4G --json | jq .bytes`;

interface Options extends CacheOptions {
  readonly json?: true;
}

/** The command `prefetch`. */
export function prefetchCommand(): Command {
  const command = new Command("prefetch")
    .description("fetch a base, or parts of it, to be read without a network")
    .argument("<base>", "URL of a base with a minifo.json")
    .argument("[path...]", "files and directories of the base; default: all of it");
  return withCacheOptions(command)
    .option("--json", "print what was made available as JSON on stdout")
    .addHelpText("after", help)
    .action(async (url: string, paths: readonly string[], options: Options) => {
      const base = await opened(url, options);
      const bar = process.stderr.isTTY ? new ProgressBar(process.stderr) : undefined;
      const interrupted = new AbortController();
      // Once each: the second Ctrl-C ends this process as ever.
      for (const name of endSignals) process.once(name, () => interrupted.abort());
      const wanted = paths.length === 0 ? [""] : paths.map(basePath);
      const { signal } = interrupted;
      const onProgress =
        bar && ((progress: Parameters<ProgressBar["show"]>[0]) => bar.show(progress));
      try {
        const done = await run(prefetch(base, wanted, { signal, onProgress }));
        bar?.clear();
        const files = `${done.files} ${done.files === 1 ? "file" : "files"}`;
        process.stderr.write(
          `${base.locator}: ${files}, ${inUnits(done.bytes)}, can be read without a network\n`,
        );
        const { files: count, bytes } = done;
        if (options.json) process.stdout.write(`${JSON.stringify({ files: count, bytes })}\n`);
      } finally {
        bar?.clear();
        await run(base.close());
      }
    });
}

async function opened(url: string, options: Options): Promise<Base> {
  const refuse = (reason: string): FsError =>
    new FsError("EINVAL", { syscall: "prefetch", path: url, reason });
  if (!isRemote(url)) {
    throw refuse("only a base behind an http: or https: URL has to be fetched");
  }
  const cache = cacheSetting(settingIn(options));
  const base = await run(openBase(url, () => networkFetcher(cache)));
  const kept = keptPart(base);
  if (!kept) return base;
  await run(base.close());
  throw new FsError("EIO", { syscall: "prefetch", path: url, reason: `offline: ${kept.reason}` });
}

/** `path` as a base has it, without slashes at its ends. */
function basePath(path: string): string {
  return path.replace(/^(?:\.?\/)+|\/+$/g, "").replace(/^\.$/, "");
}
