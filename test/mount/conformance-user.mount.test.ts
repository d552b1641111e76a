/**
 * The table of cases through the kernel as an ordinary user: on root's mount, in a directory that is theirs, and on a mount
 * of their own. What only root may do is refused to them, as the cases say.
 */
import { chmod, chown, copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll } from "vitest";
import { conformanceOfOutcomes } from "../conformance/suite.ts";
import type { Outcome } from "../conformance/table.ts";
import {
  buildUserProgram,
  ordinaryUser,
  outcomesAs,
  outcomesIn,
  type UserProgram,
} from "../conformance/user-process.ts";
import { describeMount, Scratch } from "./fixture.ts";
import { asNobody } from "./namespace.ts";

/** Runs the table once, by `play`, and holds what it gave to the cases. */
function suiteOf(
  name: string,
  play: (scratch: Scratch, program: UserProgram) => Promise<Outcome[]>,
): void {
  let outcomes: Outcome[] = [];
  beforeAll(async () => {
    const program = await buildUserProgram();
    const scratch = await Scratch.forFile({});
    try {
      await chmod(scratch.directory, 0o755);
      outcomes = await play(scratch, program);
    } finally {
      await program.remove();
      await scratch.clear();
    }
  });
  conformanceOfOutcomes({
    name,
    isRoot: false,
    outcome: (_, index) => outcomes[index] as Outcome,
  });
}

describeMount("as an ordinary user through a mount of root's", () => {
  suiteOf("node:fs/promises", async (scratch, program) => {
    await scratch.mount(scratch.base, "-o", "allow_other");
    const home = join(scratch.mountpoint, "home");
    await mkdir(home);
    await chown(home, ordinaryUser, ordinaryUser);
    const outcomes = await outcomesAs(ordinaryUser, program, home);
    await scratch.unmount();
    return outcomes;
  });
});

describeMount("as an ordinary user through a mount of their own", () => {
  suiteOf("node:fs/promises", async (scratch, program) => {
    await copyFile(program.file, join(scratch.directory, "user.mjs"));
    const { code, stdout, stderr } = await asNobody(
      scratch,
      `minifo mount base mnt --storage $sto >&2
      node/node user.mjs $PWD/mnt
      minifo umount mnt >&2`,
    );
    if (code !== 0) throw new Error(`the script ended with ${code}: ${stderr}`);
    return outcomesIn(stdout);
  });
});
