/** A git repository in a mount, cloned from one of the base: what git itself finds, while mounted and after. */
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { shell } from "../fixture.ts";
import { describeWork } from "./fixture.ts";

const project = new URL("../../../", import.meta.url).pathname;

/** The sources of this project as a repository with a history of their own: directories that come, change and move. */
async function makeRepository(base: string): Promise<void> {
  const tree = join(base, "checkout");
  await mkdir(tree);
  for (const part of ["src", "node", "web", "demo", "test", "README.md", "ARCHITECTURE.md"]) {
    await cp(join(project, part), join(tree, part), { recursive: true });
  }
  await shell(
    `git init -q -b main; git config user.name A; git config user.email a@example.org
    git config gc.auto 0
    git add src; git commit -qm "The core"
    git add node web; git commit -qm "Both sides of it"
    git add -A; git commit -qm "The rest"
    git checkout -qb shuffle
    git mv src core; git rm -qr demo; mkdir deep; git mv test deep/; chmod +x README.md
    ln -s core/index.ts door; git add -A; git commit -qm "Moved"
    sed -i s/overlay/OVERLAY/ core/overlay/*.ts; git commit -qam "Louder"
    git checkout -q main
    for i in $(seq 12); do echo "line $i" >>README.md; git commit -qam "Line $i"; done
    git clone -q --bare . ../repository.git`,
    tree,
  );
}

const identity = "git config user.name B; git config user.email b@example.org";

describeWork("git in a mount", { needs: ["git"], over: "http", fill: makeRepository }, (place) => {
  test("clones a repository of the base, finds it whole, and its files equal the original's", async () => {
    await place().run(
      `git clone -q "file://$INSIDE/repository.git" clone; cd clone
      git fsck --full --strict; git checkout -q shuffle; git checkout -q main
      test -z "$(git status --porcelain)"
      diff -r --no-dereference -x .git . ../../base/checkout`,
    );
  });

  test("switches branches and back, commits, merges, rebases, stashes and collects garbage", async () => {
    await place().run(
      `cd clone; ${identity}
      git checkout -q shuffle; test -z "$(git status --porcelain)"; test -L door; test ! -e src
      git checkout -q -b topic main; test -f src/index.ts; test ! -e door
      echo more >>README.md; git mv web site; rm -r demo; git add -A; git commit -qm Topic
      git checkout -q main; git merge -q --no-ff -m Merge topic; test -d site
      sed -i s/chunk/CHUNK/ src/overlay/*.ts; git stash -q; test -z "$(git status --porcelain)"
      git stash pop -q; git commit -qam "Chunks"
      git checkout -q topic; git rebase -q main; test "$(git rev-parse HEAD)" = "$(git rev-parse main)"
      git gc -q --prune=now; git fsck --full --strict; test -z "$(git status --porcelain)"
      git repack -qadf; git fsck --full`,
    );
  });

  test("works in a checkout of the base and pushes to a repository of the base", async () => {
    await place().run(
      `cd checkout; test -z "$(git status --porcelain)"; git fsck --full
      git checkout -q shuffle; test -z "$(git status --porcelain)"; test -L door
      git checkout -q main; test -z "$(git status --porcelain)"
      ${identity}; echo pushed >>README.md; git commit -qam Pushed
      git push -q ../repository.git main; git -C ../repository.git fsck --full
      test "$(git -C ../repository.git rev-parse main)" = "$(git rev-parse HEAD)"`,
    );
  });

  test("finds everything clean after a remount", async () => {
    const tell = `for d in clone checkout; do git -C $d rev-parse HEAD 'HEAD^{tree}'; done
      find . -path ./clone/.git -prune -o -type f -print0 | sort -z | xargs -0 sha256sum`;
    const before = await place().run(tell);
    await place().remount();
    expect(await place().run(tell)).toBe(before);
    await place().run(
      `for d in clone checkout; do
        (cd $d; git fsck --full; test -z "$(git status --porcelain)")
      done
      cd "$OUTSIDE"; git clone -q "file://$INSIDE/clone" copy; cd copy; git fsck --full
      diff -r --no-dereference -x .git . "$INSIDE/clone"`,
    );
  });
});
