/**
 * Programs that copy whole trees, into a mount, inside it and out of it: tar, cp -a and rsync keep names, types, modes,
 * owners, times to the nanosecond, hard links, extended attributes, devices and holes.
 */
import { beforeAll, expect, test } from "vitest";
import { shell } from "../fixture.ts";
import { realSite } from "../real-site.ts";
import { countOf, describeWork } from "./fixture.ts";
import { tellAll, treeScript } from "./tree.ts";

const files = countOf("FILES", 5000);
const site = realSite();

/** The base: a real site, or without one a tree like the others. */
const fill = (base: string) =>
  "missing" in site
    ? shell(`mkdir site; cd site; ${treeScript(500)}`, base)
    : shell(`cp -a ${site.directory} site`, base);

describeWork("a mount", { needs: ["tar", "rsync", "setfattr"], over: "http", fill }, (place) => {
  const tell = (directory: string) => place().run(`cd "${directory}"; ${tellAll}`);
  const bytesOf = async (path: string) =>
    Number(await place().run(`du --block-size=1 "${path}" | cut -f1`));

  beforeAll(async () => {
    await shell(`mkdir tree big; cd tree; ${treeScript(300)}`, place().outside);
    await shell(treeScript(files), `${place().outside}/big`);
  });

  test(`takes ${files} files from tar and gives them back, as they were`, async () => {
    await place().run(
      `mkdir tarred; tar -C "$OUTSIDE/big" --xattrs -cSf - . | tar -C tarred --xattrs -xpf -
      diff -r --no-dereference -x pipe -x null "$OUTSIDE/big" tarred`,
    );
    expect(await tell(`${place().inside}/tarred`)).toBe(await tell(`${place().outside}/big`));
    await place().run(
      `tar -C tarred --xattrs -cSf "$OUTSIDE/back.tar" .; tar -C "$OUTSIDE/big" -df "$OUTSIDE/back.tar"`,
    );
    await place().run("rm -r tarred; test ! -e tarred");
  });

  test("keeps holes through tar -cS, cp --sparse=always and cp -a, inside and on the way out", async () => {
    await place().run(
      `mkdir holes; cp -a --sparse=always "$OUTSIDE/tree/kinds/holes" "$OUTSIDE/tree/kinds/hole" holes
      cp -a holes copied; mkdir tarred "$OUTSIDE/holes"
      tar -C holes -cSf - . | tar -C tarred -xf -; tar -C tarred -cSf - . | tar -C "$OUTSIDE/holes" -xf -
      for at in holes copied tarred "$OUTSIDE/holes"; do
        cmp "$at/holes" "$OUTSIDE/tree/kinds/holes"; cmp "$at/hole" "$OUTSIDE/tree/kinds/hole"
      done`,
    );
    for (const at of ["holes", "copied", "tarred", `${place().outside}/holes`]) {
      expect(await bytesOf(`${at}/holes`)).toBeLessThan(300_000);
      expect(await bytesOf(`${at}/hole`)).toBeLessThan(100_000);
    }
  });

  test("takes a tree from cp -a, copies and gives it back, with all that a tree may have", async () => {
    await place().run(
      'cp -a "$OUTSIDE/tree" copy; cp -a copy second; cp -a second "$OUTSIDE/third"',
    );
    const original = await tell(`${place().outside}/tree`);
    for (const at of ["copy", "second", `${place().outside}/third`]) {
      expect(await tell(at)).toBe(original);
    }
  });

  test("is kept in step by rsync -aHX, both ways, and then has nothing left to send", async () => {
    const options = "-aHX --numeric-ids --delete";
    const again = `rsync ${options} --checksum --dry-run --itemize-changes`;
    await place().run(`rsync ${options} "$OUTSIDE/tree/" synced/`);
    expect(await place().run(`${again} "$OUTSIDE/tree/" synced/`)).toBe("");
    await place().run(
      `cd synced; echo changed >>d1/e1/file1.txt; rm -r d2; mv d3 moved; ln d4/e4/file4.txt hard
      chmod 700 d5; setfattr -n user.later -v on d6/e6/file6.txt; touch -d '2005-05-05 05:05:05.5' d7/e0/file7.txt`,
    );
    await place().run(`rsync ${options} synced/ "$OUTSIDE/tree/"`);
    expect(await place().run(`${again} synced/ "$OUTSIDE/tree/"`)).toBe("");
    expect(await tell("synced")).toBe(await tell(`${place().outside}/tree`));
  });

  test("gives the base to rsync, whose copy equals it, and takes changes over it", async () => {
    const again = "rsync -aHX --checksum --dry-run --itemize-changes";
    await place().run(`rsync -aHX site/ "$OUTSIDE/site/"`);
    expect(await place().run(`${again} site/ "$OUTSIDE/site/"`)).toBe("");
    await place().run('diff -r --no-dereference "$OUTSIDE/site" ../base/site');
    await place().run(
      `cd "$OUTSIDE/site"; find . -type f | sort | awk 'NR % 10 == 0' | tr '\\n' '\\0' | xargs -0 sed -i '1s/^/changed /'
      mkdir -p new; echo new >new/file; cd "$INSIDE"; rsync -aHX --inplace "$OUTSIDE/site/" site/`,
    );
    expect(await place().run(`${again} "$OUTSIDE/site/" site/`)).toBe("");
  });

  test("has all of it after a remount", async () => {
    const before = await tell("second");
    await place().remount();
    expect(await tell("second")).toBe(before);
    await place().run(
      `diff -r --no-dereference -x pipe -x null synced "$OUTSIDE/tree"
      diff -r --no-dereference site "$OUTSIDE/site"; diff -r holes copied`,
    );
  });
});
