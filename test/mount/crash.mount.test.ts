/**
 * The mounting process killed at random moments under a writer: whatever an fsync was acknowledged for is there after
 * the next mount, and nothing is half done.
 */
import { spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { describeMount, mountsAt, Scratch, until } from "./fixture.ts";

const kills = Number(process.env.MINIFO_CRASH_ROUNDS ?? 8);
const profiles = [
  { words: "rw", rounds: kills },
  { words: "writeback", rounds: Math.ceil(kills / 2) },
] as const;
const writer = fileURLToPath(new URL("crash-writer.js", import.meta.url));

const versionOf = (n: number) => `${n}\n`.repeat(1 + ((n * 7919) % 30_000));

/** What the writer said is safe. */
class Acknowledged {
  readonly #replaced = new Map<string, number>();
  readonly #unlinked = new Set<string>();
  logged = 0;
  next = 1;

  hear(text: string): void {
    for (const line of text.split("\n").slice(0, -1)) {
      const [what, number] = line.split(" ");
      const n = Number(number);
      this.next = Math.max(this.next, n + 1);
      if (what === "replaced") this.#replaced.set(`file-${n % 7}`, n);
      if (what === "logged") this.logged = n;
      if (what === "unlinked") this.#unlinked.add(`gone-${n}`);
    }
  }

  async expectIn(directory: string): Promise<void> {
    for (const [name, n] of this.#replaced) {
      const text = await readFile(`${directory}/${name}`, "latin1");
      const found = Number(text.slice(0, text.indexOf("\n")));
      expect(found, `${name} is older than what was acknowledged`).toBeGreaterThanOrEqual(n);
      expect(text === versionOf(found), `${name} is version ${found}, and whole`).toBe(true);
    }
    const log = (await readFile(`${directory}/log`, "latin1")).split("\n");
    expect(log.pop()).toBe("");
    const numbers = log.map(Number);
    expect(numbers).toContain(this.logged);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    const names = await readdir(directory);
    for (const name of this.#unlinked) expect(names).not.toContain(name);
  }
}

describeMount("a mount whose process is killed under a writer", () => {
  test.each(profiles)(
    "with -o $words it keeps every acknowledged fsync, $rounds times in a row",
    async ({ words, rounds }) => {
      const scratch = await Scratch.with({ page: "base\n" });
      const acknowledged = new Acknowledged();
      for (let round = 0; round < rounds; round += 1) {
        const daemon = await scratch.mountInForeground(scratch.base, "-o", words);
        if (round > 0) await acknowledged.expectIn(scratch.mountpoint);
        // In the mount, not with a path to it, which leads beneath it once it was detached.
        const child = spawn(process.execPath, [writer, ".", String(acknowledged.next + 1)], {
          cwd: scratch.mountpoint,
          stdio: ["ignore", "pipe", "inherit"],
        });
        let told = "";
        let syncs = 0;
        // The moment of the kill is drawn in acknowledgements, and falls anywhere into what comes after the last of them.
        const enough = 3 + Math.floor(Math.random() * 40);
        child.stdout.setEncoding("latin1").on("data", (text: string) => {
          told += text;
          syncs += text.split("\n").length - 1;
          if (syncs >= enough) daemon.child.kill("SIGKILL");
        });
        const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
        expect(await ended).toBe(0);
        await daemon.ended;
        await until(async () => (await mountsAt(scratch.mountpoint)).length === 0);
        acknowledged.hear(told);
      }
      await scratch.mount(scratch.base);
      await acknowledged.expectIn(scratch.mountpoint);
      await scratch.unmount();
      console.log(
        `killed mounts, -o ${words}: ${rounds}, ${acknowledged.next - 1} steps of the writer`,
      );
    },
    120_000 + kills * 30_000,
  );
});
