/** A C program of many files, built with make in a mount over its sources: complete, incremental, clean, and in parallel. */
import { expect, test } from "vitest";
import { allObjects, objectsThatInclude, sum, writeProject } from "./c-project.ts";
import { describeWork } from "./fixture.ts";

/** What a build says it compiled, sorted. */
function compiled(output: string): string[] {
  return [...output.matchAll(/^CC (.+)$/gm)].map(([, object = ""]) => object).sort();
}

describeWork(
  "make in a mount",
  { needs: ["cc", "make"], over: "http", fill: writeProject },
  (place) => {
    test("builds everything once, and what it built runs", async () => {
      expect(compiled(await place().run("make -j2"))).toEqual(allObjects);
      expect(await place().run("out/program")).toBe(`${sum}\n`);
      expect(await place().run("make -q; make -j2")).toContain("up to date");
    });

    test("has nothing to do after a remount", async () => {
      await place().remount();
      await place().run("make -q");
      expect(await place().run("out/program")).toBe(`${sum}\n`);
    });

    test("compiles after the change of a header exactly what includes it", async () => {
      await place().run("touch include/part3.h");
      expect(compiled(await place().run("make -j2"))).toEqual(objectsThatInclude(3));
      await place().run("sed -i 's/return 7/return 1007/' include/part7.h");
      expect(compiled(await place().run("make -j2"))).toEqual(objectsThatInclude(7));
      expect(Number(await place().run("out/program"))).toBeGreaterThan(sum + 1000);
      expect(compiled(await place().run("touch src/unit5.c; make"))).toEqual(["unit5.o"]);
      await place().run("make -q");
    });

    test("leaves nothing behind after make clean but what was changed by hand", async () => {
      await place().run("make clean; test ! -e out");
      const told = await place().scratch.status();
      expect(told.filter((line) => !/^attributes (src|include|)$/.test(line)).sort()).toEqual([
        "attributes include/part3.h",
        "attributes src/unit5.c",
        "replaced include/part7.h",
      ]);
    });

    test("builds twice at once while two processes list all the sources again and again", async () => {
      const found = await place().run(
        `for o in one two; do make -j2 O=$o >$OUTSIDE/$o.log & builds+=" $!"; done
      for n in 1 2; do
        (while [ ! -e "$OUTSIDE/built" ]; do
          find . \\( -name one -o -name two \\) -prune -o -type f -print | sort | sha256sum
        done) &
        finds+=" $!"
      done
      for pid in $builds; do wait $pid; done; touch "$OUTSIDE/built"
      for pid in $finds; do wait $pid; done
      cmp one/program two/program
      for o in one two; do $o/program >&2; test $(ls $o/*.o | wc -l) = ${allObjects.length}; done`,
      );
      const lists = found.trim().split("\n");
      expect(lists.length).toBeGreaterThan(1);
      expect(new Set(lists).size).toBe(1);
    });
  },
);
