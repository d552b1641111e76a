/** Processes that work on the same files at the same time: shared mappings, appends, locks, and what inotify tells. */
import { expect, test } from "vitest";
import { shell } from "../fixture.ts";
import { countOf, describeWork } from "./fixture.ts";

const appends = countOf("APPENDS", 1000);
const turns = countOf("TURNS", 500);

const files = `head -c 262144 /dev/urandom >map; head -c 262144 /dev/urandom >cut
  : >log; echo 000000000 >number; mkdir watched; echo old >watched/old`;

describeWork(
  "processes that share files of a mount",
  { needs: ["cc"], fill: (base) => shell(files, base) },
  (place) => {
    test("see each other's bytes in a shared mapping, and so does everybody after a remount", async () => {
      const maps = await place().compile("maps");
      const before = await place().run(`${maps} share map; sha256sum map`);
      await place().remount();
      expect(await place().run("sha256sum map")).toBe(before);
    });

    test("get SIGBUS behind the end of a file that is cut off under a mapping, and zeros where it grows again", async () => {
      const maps = await place().compile("maps");
      const before = await place().run(`${maps} cut cut; sha256sum cut`);
      await place().remount();
      expect(await place().run("sha256sum cut")).toBe(before);
    });

    test(`lose and tear none of 4 × ${appends} appended records`, async () => {
      const writers = await place().compile("writers");
      const before = await place().run(`${writers} append log 4 ${appends}; sha256sum log`);
      await place().remount();
      expect(await place().run("sha256sum log")).toBe(before);
    });

    test.each(["flock", "fcntl"])(`take 4 × ${turns} turns under %s locks`, async (how) => {
      const writers = await place().compile("writers");
      await place().run(`echo 000000000 >number; ${writers} ${how} number 4 ${turns}`);
      await place().run(
        `exec 8<number; flock 8
        if flock -n number true; then exit 1; fi
        exec 8<&-; flock -n number true`,
      );
    });

    test("are told by inotify what others do to the names of a directory, old and new", async () => {
      const watch = await place().compile("watch");
      const script = `cd watched; echo a >a; echo b >>old; mv a b; chmod 600 old; ln old link
        mv b ../b; mv ../b c; mv c old; rm old link; mkdir d; rmdir d`;
      const told = await place().run(`${watch} watched '${script}'`);
      const below = await place().run(
        `mkdir "$OUTSIDE/watched"; echo old >"$OUTSIDE/watched/old"
        cd "$OUTSIDE"; ${watch} watched '${script}'`,
      );
      expect(told).toContain("moved to old\n");
      expect(told).toBe(below);
    });
  },
);
