/** A real documentation tree through a real mount: it equals the original, takes every kind of change, and keeps it. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeMount, minifo, minifoOk, Scratch, shell } from "./fixture.ts";
import { realSite } from "./real-site.ts";

const site = realSite();
const html = "usr/share/doc/python3.11/html";

const tell =
  "find . -printf '%P %y %m %s %T@ %n %l\\n' | sort; find . -type f -exec md5sum {} + | sort";

describe.skipIf("missing" in site)(
  `Debian's python3.11-doc over HTTP${"missing" in site ? ` (skipped: ${site.missing})` : ""}`,
  () => {
    describeMount("mounted", () => {
      let scratch: Scratch;
      let url: string;
      let stop: () => Promise<void>;

      beforeAll(async () => {
        if ("missing" in site) return;
        scratch = await Scratch.forFile({});
        await shell(`rmdir base; cp -a ${site.directory} base`, scratch.directory);
        await minifoOk("index", scratch.base);
        const { serveDirectory } = await import("../../node/static-server.ts");
        const server = await serveDirectory(scratch.base, { port: 0, host: "127.0.0.1" });
        url = server.url;
        stop = () => server.close();
        await scratch.mount(url);
      });

      afterAll(async () => {
        await scratch?.clear();
        await stop?.();
      });

      test("equals the original, in names, links and every byte", async () => {
        if ("missing" in site) return;
        await shell(`diff -r --no-dereference ${site.directory} mnt`, scratch.directory);
      });

      test("round-trips through tar -cS, times and all", async () => {
        if ("missing" in site) return;
        await shell("mkdir out; tar -C mnt -cSf - usr | tar -C out -xpf -", scratch.directory);
        const told = "find usr -printf '%P %y %m %s %T@ %l\\n' | grep -v ' d ' | sort";
        const [ours, original] = await Promise.all([
          shell(told, `${scratch.directory}/out`),
          shell(told, site.directory),
        ]);
        expect(ours).toBe(original);
        await shell("diff -r --no-dereference out/usr base/usr; rm -r out", scratch.directory);
      });

      test("takes changes, tells exactly these while mounted and after, and has them after a remount", async () => {
        await shell(
          `cd ${html}
          sed -i s/Python/Snake/ index.html; echo appended >>about.html; echo new >new.html
          rm bugs.html; mv tutorial lessons; mkdir -p made/deep; ln -s new.html link.html
          chmod 600 copyright.html; ln contents.html hard.html
          touch -d '2001-02-03 04:05:06.123456789' license.html`,
          scratch.mountpoint,
        );
        const before = await shell(tell, scratch.mountpoint);
        const expected = [
          `attributes ${html}/copyright.html`,
          `attributes ${html}/license.html`,
          `created ${html}/hard.html`,
          `created ${html}/link.html`,
          `created ${html}/made`,
          `created ${html}/made/deep`,
          `created ${html}/new.html`,
          `deleted ${html}/bugs.html`,
          `modified ${html}/about.html`,
          `renamed ${html}/lessons`,
          `replaced ${html}/index.html`,
        ];
        expect((await scratch.status()).sort()).toEqual(expected);
        await scratch.remount(url);
        expect(await shell(tell, scratch.mountpoint)).toBe(before);
        expect((await scratch.status()).sort()).toEqual(expected);
        const links = await shell(
          `stat -c '%h %i' ${html}/hard.html ${html}/contents.html`,
          scratch.mountpoint,
        );
        const [hard, contents] = links.trim().split("\n");
        expect([hard, hard?.startsWith("2 ")]).toEqual([contents, true]);
      });

      test("refuses a second mount of its storage and names who has it", async () => {
        await shell("mkdir other", scratch.directory);
        const { code, stderr } = await minifo(
          "mount",
          url,
          `${scratch.directory}/other`,
          "--storage",
          scratch.storage,
        );
        expect(code).toBe(1);
        expect(stderr).toMatch(/EBUSY/);
        expect(stderr).toContain(`mounted at ${scratch.mountpoint}`);
      });

      test("never touched the base", async () => {
        if ("missing" in site) return;
        await scratch.unmount();
        await shell(
          `diff -r --no-dereference -x minifo.json -x minifo.objects ${site.directory} base`,
          scratch.directory,
        );
        const index = await readFile(`${scratch.base}/${html}/index.html`, "utf8");
        expect(index).not.toContain("Snake");
      });
    });
  },
);
