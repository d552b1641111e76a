/** How editors save a file: in place, by renaming over it, with backups, and so that no reader ever sees half of it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { shell } from "../fixture.ts";
import { describeWork } from "./fixture.ts";

const files = `for i in $(seq 40); do printf 'old line %s\\nsecond\\n' $(seq 50) >page$i; done
  chmod 640 page1; ln page2 linked; ln -s page3 symlink; touch -d '2001-02-03 04:05:06.123456789' page*`;

describeWork(
  "an editor in a mount",
  { needs: ["cc"], over: "http", fill: (base) => shell(files, base) },
  (place) => {
    const content = (name: string) => readFile(join(place().inside, name), "utf8");

    test("sed -i changes files of the base, keeps modes, and leaves other links of a file alone", async () => {
      const told = await place().run(
        `sed -i s/old/new/ page*; grep -L new page*; sed -i.bak 's/new/newer/' page1
        stat -c %a page1; cmp linked ../base/linked; sed -i --follow-symlinks s/new/NEW/ symlink
        test -L symlink; head -n 1 page3; ls -A | grep -c '^sed' || true; head -n 1 page1.bak`,
      );
      expect(told.trim().split("\n")).toEqual(["640", "NEW line 1", "0", "new line 1"]);
    });

    test("saves as vim does, by moving the file to a backup and writing a new one", async () => {
      await place().run(
        `for i in 4 5 6; do
          ino=$(stat -c %i page$i); mv page$i page$i~; test $(stat -c %i page$i~) = $ino
          { echo saved; cat page$i~; } >page$i; sync page$i; chmod --reference=page$i~ page$i
        done; rm page4~; mv page5~ page5; cat page6 >page6~`,
      );
      expect((await content("page4")).startsWith("saved\nnew line 1")).toBe(true);
      expect((await content("page5")).startsWith("new line 1")).toBe(true);
      expect(await content("page6~")).toBe(await content("page6"));
    });

    test("saves over the backup of a backup fifty times", async () => {
      await place().run(
        `for i in $(seq 50); do
          echo "$i" >.new; mv -f page7 page7~; mv -f .new page7
          [ "$(cat page7)" = "$i" ]; [ "$i" = 1 ] || [ "$(cat page7~)" = $((i - 1)) ]
        done`,
      );
    });

    test.each(["named", "unnamed"])(
      "replaces a file by a new, %s one, and no reader ever sees half of it",
      async (how) => {
        const save = await place().compile("save");
        const long = (letter: string) => letter.repeat(20_000);
        await place().run(
          `a=${long("a")}; b=${long("b")}; printf %s "$a" >page8
          (for i in $(seq 15); do ${save} page8 "$a" ${how}; ${save} page8 "$b" ${how}; done) & saving=$!
          while kill -0 $saving 2>/dev/null; do
            read -r text <page8 || true; [ "$text" = "$a" ] || [ "$text" = "$b" ]
          done; wait $saving; cmp page8 <(printf %s "$b")
          test -z "$(find . -name '.save*')"`,
        );
      },
    );

    test("finds everything as it was saved after a remount", async () => {
      const tell = "find . -printf '%P %y %m %n %i %s %T@ %l\\n' | sort; cat page*";
      const before = await place().run(tell);
      await place().remount();
      expect(await place().run(tell)).toBe(before);
    });
  },
);
