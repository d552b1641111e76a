/** Directories as programs meet them: large ones read while they change, long names, deep paths, and what df and du say. */
import { expect, test } from "vitest";
import { shell } from "../fixture.ts";
import { countOf, describeWork } from "./fixture.ts";

const entries = countOf("ENTRIES", 20_000);
const half = Math.floor(entries / 2);

const fill = (base: string) =>
  shell(
    `mkdir large steady; cd large; seq -f f%.0f ${half} | xargs touch; cd ../steady; seq -f k%.0f 0 2499 | xargs touch
    cd ..; mkdir tree; for i in 1 2 3; do mkdir tree/$i; head -c $((i * 100000)) /dev/urandom >tree/$i/f; done
    deep=; for i in $(seq 18); do deep+=$(printf '%0200d' $i)/; done; mkdir -p $deep; echo down >$deep/bottom`,
    base,
  );

describeWork("a directory of a mount", { needs: ["cc"], fill }, (place) => {
  test(`of ${entries} names is emptied in one pass while it is read`, async () => {
    const listing = await place().compile("listing");
    const added = `cd large; seq -f g%.0f ${entries - half} | xargs touch`;
    expect(Number(await place().run(`${added}; ls -f | wc -l`))).toBe(entries + 2);
    expect(Number(await place().run(`${listing} again large`))).toBe(entries);
    expect(Number(await place().run(`${listing} empty large`))).toBe(entries);
    expect(await place().run("ls -A large; rmdir large")).toBe("");
  });

  test("tells each name that stays exactly once while others come and go", async () => {
    const listing = await place().compile("listing");
    await place().run(`cd steady; seq -f k%.0f 2500 4999 | xargs touch; ${listing} steady .`);
    await place().remount();
    expect(Number(await place().run("ls -A steady | grep -c '^k[0-9]*[02468]$'"))).toBe(2500);
  });

  test("is removed with all that is below it while others look through it", async () => {
    await place().run(
      `cp -a tree/. many; for i in $(seq 30); do cp -a tree many/$i-copy; done
      for n in 1 2; do
        (while [ -e many ]; do find many >/dev/null 2>&1 || true; done) & finds+=" $!"
      done
      rm -r many; for pid in $finds; do wait $pid; done; test ! -e many`,
    );
  });

  test("takes names of 255 bytes and refuses longer ones", async () => {
    await place().run(
      `mkdir names; cd names; a=$(printf 'a%.0s' $(seq 255)); e=$(printf '€%.0s' $(seq 85))
      touch $a $e; mkdir ${"d".repeat(255)}; mv $a ${"b".repeat(255)}; test -e $e
      for name in a$a "a$e" "$(printf '€%.0s' $(seq 86))"; do
        for program in touch mkdir cat; do
          if $program "$name" 2>"$OUTSIDE/error"; then exit 1; fi
          grep -q 'File name too long' "$OUTSIDE/error"
        done
      done; test $(ls | wc -l) = 3`,
    );
  });

  test("may lie deeper than a path can tell, of the base and of our own", async () => {
    const go = "for i in $(seq 18); do cd $(printf '%0200d' $i); done";
    await place().run(
      `${go}; test "$(cat bottom)" = down; echo more >>bottom; mkdir below; echo x >below/file`,
    );
    const dive = "for i in $(seq 30); do cd $(printf 'x%.0s' $(seq 200)); done";
    await place().run(
      `mkdir own; cd own
      for i in $(seq 30); do mkdir $(printf 'x%.0s' $(seq 200)); cd $(printf 'x%.0s' $(seq 200)); done
      echo deep >file`,
    );
    await place().remount();
    expect(await place().run(`${go}; cat bottom below/file`)).toBe("down\nmore\nx\n");
    expect(await place().run(`cd own; ${dive}; cat file`)).toBe("deep\n");
    expect((await place().run("find own | wc -l; find own -name file")).slice(0, 3)).toBe("32\n");
    await place().run("rm -r own; test ! -e own");
  });

  test("is told by df, stat -f, du and find -inum", async () => {
    const told = await place().run(
      `df -B1 --output=size,used,avail,fstype . | tail -n 1; stat -f -c '%b %S %l' .
      du -s --apparent-size --block-size=1 tree/*/f | cut -f1; df -i . >/dev/null
      find . -inum $(stat -c %i tree/2/f); find -samefile tree/3/f; stat -c %b tree/1/f`,
    );
    const [space = "", system = "", ...rest] = told.trim().split("\n");
    const [size, used, available] = space.trim().split(/\s+/).map(Number) as [
      number,
      number,
      number,
    ];
    expect(size).toBeGreaterThan(0);
    expect(used + available).toBeLessThanOrEqual(size);
    expect(space).toMatch(/fuse/);
    expect(system).toMatch(/ 255$/);
    expect(rest).toEqual(["100000", "200000", "300000", "./tree/2/f", "./tree/3/f", "196"]);
  });
});
