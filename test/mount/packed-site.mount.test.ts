/**
 * A real documentation tree as a packed image behind nginx, mounted: it equals the original, and what is asked for is
 * counted in nginx's log. MINIFO_SITE names another of Debian's packages, such as rust-doc with its 32,777 files.
 */
import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isInstalled, nginx, type RealServer } from "../rig/real-servers.ts";
import { describeMount, minifoOk, Scratch, shell } from "./fixture.ts";
import { realSite } from "./real-site.ts";

const wanted = process.env.MINIFO_SITE;
const name = wanted ?? "python3.11-doc";
const site = realSite(wanted === undefined ? undefined : [wanted]);
const missing =
  "missing" in site ? site.missing : isInstalled("nginx") ? undefined : "nginx is not installed";

describe.skipIf(missing !== undefined)(
  `Debian's ${name}, packed, from nginx${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    describeMount("mounted", () => {
      let scratch: Scratch;
      let server: RealServer;
      let original: string;
      let log: string;
      let entries: number;

      beforeAll(async () => {
        if ("missing" in site) return;
        original = site.directory;
        scratch = await Scratch.forFile({});
        log = `${scratch.directory}/access.log`;
        const packed = await minifoOk("pack", original, `${scratch.directory}/image`, "--json");
        entries = (JSON.parse(packed) as { entries: number }).entries;
        server = await nginx(`${scratch.directory}/image`, `access_log ${log};`);
      });

      afterAll(async () => {
        await scratch?.clear();
        await server?.end();
      });

      /** Mounts with nothing cached, and begins to count. */
      async function mountCold(cache: string): Promise<void> {
        await writeFile(log, "");
        await scratch.mount(server.url, "--cache", `${scratch.directory}/${cache}`);
      }

      /** What nginx was asked for since. */
      async function asked(): Promise<{ readonly requests: number; readonly bytes: number }> {
        const lines = (await readFile(log, "utf8")).trim().split("\n");
        const bytes = lines.map((line) => Number(/" \d{3} (\d+) /.exec(line)?.[1]));
        return { requests: lines.length, bytes: bytes.reduce((sum, one) => sum + one, 0) };
      }

      test("is found whole for as few requests as are promised of a million entries", async () => {
        await mountCold("one");
        const found = await shell("find . | wc -l", scratch.mountpoint);
        expect(Number(found) - 1).toBe(entries);
        const { requests, bytes } = await asked();
        console.log(
          `packed site: find over ${entries} entries, ${requests} requests, ${bytes} bytes`,
        );
        expect(requests).toBeLessThanOrEqual(2 + Math.ceil(entries / 1667));
        expect(bytes).toBeLessThan(64 * 1024 + entries * 10.5);
        await scratch.unmount();
      });

      test("opens one page for the pointer, the leaves on its way and its pack", async () => {
        const pages = "find usr/share/doc -name '*.html' -type f -size -40k | sort";
        const [page] = (await shell(`${pages} | sed -n '40p'`, original)).split("\n");
        await mountCold("two");
        const at = `'${page}'`;
        await shell(`cmp ${at} ${scratch.mountpoint}/${at}`, original);
        const { requests, bytes } = await asked();
        console.log(`packed site: one page, ${requests} requests, ${bytes} bytes`);
        expect(requests).toBeLessThanOrEqual(8);
        expect(bytes).toBeLessThan((64 + 128 + 1024) * 1024);
      });

      test("equals the original, in names, links and every byte", async () => {
        await shell(`diff -r --no-dereference ${original} ${scratch.mountpoint}`, "/");
        const { requests, bytes } = await asked();
        console.log(`packed site: every byte, ${requests} requests, ${bytes} bytes`);
        expect(await scratch.status()).toEqual([]);
        await scratch.unmount();
      });
    });
  },
);
