/**
 * Random calls on names, links and attributes, over a base: the mount answers each as the file system below does to the same
 * call, and several processes at once leave a tree that is whole. The seed is printed; MINIFO_WORK_SEED plays it again.
 */
import { randomInt } from "node:crypto";
import { expect, test } from "vitest";
import { minifoOk, shell } from "../fixture.ts";
import { countOf, describeWork } from "./fixture.ts";

const calls = countOf("CALLS", 8000);
const rounds = 2;
const seed = countOf("SEED", randomInt(2 ** 31));

const fill = (base: string) =>
  shell(
    `mkdir tree; cd tree; mkdir -p a/b/c lib/a d/e
    for file in a/file lib/file lib/c file d/e/a c; do head -c 150000 /dev/urandom >$file; done
    ln file lib/b; ln -s ../lib d/lib; chmod 4755 c; chmod 1777 a; cp -a . ../storm; cp -a . ../owned`,
    base,
  );

/** All but what two file systems tell differently: inode numbers, changes of a directory's size, times of their clocks. */
const tell = `
  find . -mindepth 1 ! -type d -printf '%P %y %m %U %G %n %s %l\\n' | LC_ALL=C sort
  find . -mindepth 1 -type d -printf '%P %y %m %U %G %n\\n' | LC_ALL=C sort
  find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum
  find . ! -type l -print0 | LC_ALL=C sort -z | xargs -0r getfattr -h -d -m - -e hex`;

for (const over of ["directory", "http"] as const) {
  const where = over === "http" ? "HTTP" : "a directory";
  describeWork(`a mount over ${where}`, { needs: ["cc", "setfattr"], over, fill }, (place) => {
    for (const [who, tree, uid] of [
      ["root", "tree", ""],
      ["an ordinary user", "owned", "4"],
    ] as const) {
      test(`answers ${calls / 4} random calls of ${who} as the file system below does (seed ${seed})`, async () => {
        const names = await place().compile("names");
        const prepare = `cp -a ../base/${tree} "$OUTSIDE/${tree}"`;
        const give = `chown -R 4:3 owned; chown 0:0 owned/a/file owned/lib/a owned/c`;
        await place().run(uid ? `${prepare}; ${give}; cd "$OUTSIDE"; ${give}` : prepare);
        for (let round = 0; round < rounds; round += 1) {
          const steps = Math.ceil(calls / 4 / rounds);
          await place().run(
            `${names} same ${tree} "$OUTSIDE/${tree}" ${seed + round} ${steps} ${uid}`,
          );
          const below = await place().run(`cd "$OUTSIDE/${tree}"; ${tell}`);
          expect(await place().run(`cd ${tree}; ${tell}`)).toBe(below);
          await place().remount();
          expect(await place().run(`cd ${tree}; ${tell}`)).toBe(below);
        }
      });
    }

    test(`is left whole by 4 × ${calls / 2} random calls of processes at once (seed ${seed})`, async () => {
      const names = await place().compile("names");
      await place().run(`${names} storm storm ${seed} ${calls / 2} 4`);
      const tellAll = `cd storm; ${tell}; find . -printf '%P %i %s %T@ %C@\\n' | LC_ALL=C sort`;
      const before = await place().run(tellAll);
      await place().scratch.unmount();
      await minifoOk("check", place().scratch.storage);
      await place().mount();
      expect(await place().run(tellAll)).toBe(before);
    });
  });
}
