/** What else is done in a directory day by day: small tools, logs, sockets, large offsets, many open files, being killed. */
import { expect, test } from "vitest";
import { shell } from "../fixture.ts";
import { countOf, describeWork } from "./fixture.ts";

const handles = countOf("HANDLES", 900);
const kills = countOf("KILLS", 6);

const fill = (base: string) =>
  shell(
    `seq 3000 >numbers; for i in $(seq 60); do printf 'word %s\\n' $(seq $i) >text$i; done
    mkdir -p open project/lib; seq 200 >project/lib/code; seq 100 >project/notes
    head -c 100000 /dev/zero | tr '\\0' b >open/f1; for i in $(seq 3 2 ${handles}); do cp open/f1 open/f$i; done`,
    base,
  );

describeWork("a mount", { needs: ["cc", "tar"], over: "http", fill }, (place) => {
  test("suits tools that change files in place, over themselves, or across file systems", async () => {
    await place().run(
      `perl -pi -e 's/word/WORD/' text2; grep -qx 'WORD 2' text2
      perl -pi.orig -e 's/word/W/' text3; cmp text3.orig ../base/text3; grep -qx 'W 3' text3
      sort -rn -o numbers numbers; test "$(head -n 1 numbers)" = 3000; sort -n numbers | cmp - ../base/numbers
      gzip text4; test ! -e text4; gunzip text4.gz; cmp text4 ../base/text4; test ! text4 -nt ../base/text4
      install -D -m 640 text5 new/dir/installed; test "$(stat -c %a new/dir/installed)" = 640
      printf XYZ | dd of=text60 bs=1 seek=10 conv=notrunc status=none; test "$(cmp -l text60 ../base/text60 | wc -l)" = 3
      split -n 4 numbers part.; cat part.* | cmp - numbers; truncate -s 10 text6; test "$(wc -c <text6)" = 10
      ln -f text8 text9; test text8 -ef text9; ln -sfn text8 s; ln -sfn text9 s; test "$(readlink s)" = text9
      mv text10 "$OUTSIDE/"; cmp "$OUTSIDE/text10" ../base/text10; mv "$OUTSIDE/text10" text11
      cmp text11 ../base/text10; test ! text11 -nt ../base/text10 -a ! text11 -ot ../base/text10
      chmod -R g+w project; chown -R 7:8 project; test "$(stat -c %u:%g:%a project/lib/code)" = 7:8:664
      node -e 'fs.copyFileSync("numbers", "copied"); fs.cpSync("project", "again", { recursive: true, preserveTimestamps: true })'
      cmp numbers copied; diff -r project again`,
    );
  });

  test("keeps every line of a log that is moved away and cut off while it is written", async () => {
    await place().run(
      `: >log; (for i in $(seq 600); do echo "line $i"; done >>log) & writer=$!
      (for i in $(seq 600); do echo "other $i" >>log; done) & other=$!
      for i in $(seq 8); do mv log log.$i; : >>log; done; wait $writer $other
      cat log log.* | grep -c '^line [0-9]*$' | grep -qx 600
      cat log log.* | grep '^other' | sort | uniq | wc -l | grep -qx 600
      exec 9>>log.cut; echo before >&9; : >log.cut; echo after >&9; test "$(cat log.cut)" = after`,
    );
  });

  test("carries sockets and fifos between processes", async () => {
    const told = await place().run(
      `mkfifo pipe; (echo through >pipe) & cat pipe; wait
      node -e 'const net = require("node:net");
        const server = net.createServer((c) => c.end("answered\\n")).listen("socket", () =>
          net.connect("socket").on("data", (d) => process.stdout.write(d)).on("close", () => server.close()));'
      test ! -e socket; rm pipe`,
    );
    expect(told).toBe("through\nanswered\n");
  });

  test("keeps bytes at offsets of 2, 4 and 100 GiB, and nothing between them", async () => {
    const end = 100n * 2n ** 30n + 10n;
    const at = [2n ** 31n - 5n, 2n ** 32n - 5n, end - 10n];
    await place().run(
      at
        .map((n) => `printf 0123456789 | dd of=far bs=1 seek=${n} conv=notrunc status=none`)
        .join("\n"),
    );
    const read = at.map(
      (n) => `dd if=far bs=1 skip=${n - 2n} count=14 status=none | tr '\\0' .; echo`,
    );
    const told = await place().run(
      `${read.join("\n")}; stat -c %s far; test $(du -k far | cut -f1) -lt 1000`,
    );
    const ends = ["..0123456789..", "..0123456789..", "..0123456789", String(end)];
    expect(told.trim().split("\n")).toEqual(ends);
  });

  test(`keeps ${handles} files open at once, of both layers, changed and removed`, async () => {
    const program = await place().compile("handles");
    await place().run(
      `for i in $(seq 2 2 ${handles}); do cp open/f1 open/f$i; done; sync open/f2
      ${program} open ${handles}; test $(ls open | wc -l) = ${handles - Math.floor(handles / 3)}`,
    );
  });

  test(`is left as far as they came by ${kills} programs that are killed`, async () => {
    await place().run(
      `tar -C "$INSIDE" --exclude=killed -cf "$OUTSIDE/all.tar" open project numbers
      for i in $(seq ${kills}); do
        rm -rf killed; mkdir killed
        timeout -s KILL 0.$((i % 9 + 1)) tar -C killed -xf "$OUTSIDE/all.tar" || true
        timeout -s INT 0.0$((i % 9 + 1)) cp -a open killed/copy || true
        find killed -type f -size +0 -name 'f*' -printf '%s\\n' | awk '$1 > 100000 { exit 1 }'
        rm -r killed; test ! -e killed
      done
      mkdir killed; tar -C killed -xf "$OUTSIDE/all.tar"; diff -r open killed/open; rm -r killed`,
    );
  });

  test("has all of it after a remount", async () => {
    const tell =
      "find . -printf '%P %y %m %n %i %s %T@ %l\\n' | sort; find . -type f ! -name far -print0 | sort -z | xargs -0 sha256sum";
    const before = await place().run(tell);
    await place().remount();
    expect(await place().run(tell)).toBe(before);
  });
});
