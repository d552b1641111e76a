/** A bar on a terminal that is drawn over itself, at most ten times a second. */
import { err } from "./colors.ts";

/** How far a walk through files has come. */
export interface FileProgress {
  readonly files: number;
  readonly filesInAll: number;
  readonly bytes: number;
  readonly bytesInAll: number;
}

/** See the head of this file. */
export class ProgressBar {
  readonly #terminal: NodeJS.WriteStream;
  #drawn_ms = 0;

  constructor(terminal: NodeJS.WriteStream) {
    this.#terminal = terminal;
  }

  show({ files, filesInAll, bytes, bytesInAll }: FileProgress): void {
    const now_ms = performance.now();
    if (now_ms - this.#drawn_ms < 100) return;
    this.#drawn_ms = now_ms;
    const share = bytesInAll === 0 ? files / Math.max(1, filesInAll) : bytes / bytesInAll;
    const filled = Math.round(Math.min(1, share) * 24);
    const bar = err.green("█".repeat(filled)) + err.dim("░".repeat(24 - filled));
    const words = `${files}/${filesInAll} files, ${inUnits(bytes)}`;
    this.#terminal.write(`\r${bar} ${words}\u001b[K`);
  }

  clear(): void {
    if (this.#drawn_ms > 0) this.#terminal.write("\r\u001b[K");
  }
}

/** `bytes` in words, as in "1.5 MiB". */
export function inUnits(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = bytes;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Names at most this many of the things left out; the rest is counted. */
const namedLeftOut = 20;

/** Tells on stderr what was left out, and why. */
export function reportLeftOut(leftOut: readonly { readonly path: string; readonly why: string }[]) {
  for (const { path, why } of leftOut.slice(0, namedLeftOut)) {
    process.stderr.write(`${err.yellow("left out:")} ${JSON.stringify(path)}: ${why}\n`);
  }
  if (leftOut.length > namedLeftOut) {
    process.stderr.write(`${err.yellow("left out:")} ${leftOut.length - namedLeftOut} more\n`);
  }
}
