/** The options that say where fetched objects are kept, for each command that fetches. */
import { type Command, InvalidArgumentError } from "commander";
import { FsError } from "../../src/index.ts";
import { bytesIn, type CacheSetting } from "../base/network.ts";

/** What commander makes of them. */
export interface CacheOptions {
  readonly cache?: string;
  readonly cacheSize?: number;
}

/** `command` with `--cache` and `--cache-size`. */
export function withCacheOptions(command: Command): Command {
  return command
    .option("--cache <dir>", "directory that keeps what was fetched of a base over HTTP")
    .option("--cache-size <size>", "what it holds at most, as in 512M; 0: nothing", size);
}

/** What of a setting was given by options. */
export function settingIn({ cache: directory, cacheSize: maxBytes }: CacheOptions) {
  return {
    ...(directory !== undefined && { directory }),
    ...(maxBytes !== undefined && { maxBytes }),
  } satisfies Partial<CacheSetting>;
}

/** What `read` gives; a mistake is one of the call. */
export function asUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof FsError) throw new InvalidArgumentError(error.reason ?? error.message);
    throw error;
  }
}

function size(text: string): number {
  return asUsage(() => bytesIn(text));
}
