/** The table of cases as an ordinary user on the machine's own file system: a case that fails here is a bad case. */
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { conformanceOfOutcomes } from "./suite.ts";
import type { Outcome } from "./table.ts";
import { buildUserProgram, ordinaryUser, outcomesAs, type UserProgram } from "./user-process.ts";

describe.skipIf(process.getuid?.() !== 0)("who is not root (needs root to become somebody)", () => {
  let program: UserProgram;
  let directory = "";
  let outcomes: Outcome[] = [];
  beforeAll(async () => {
    program = await buildUserProgram();
    directory = await mkdtemp(join(tmpdir(), "minifo-conformance-"));
    await chown(directory, ordinaryUser, ordinaryUser);
    outcomes = await outcomesAs(ordinaryUser, program, directory);
  });
  afterAll(async () => {
    await program.remove();
    await rm(directory, { recursive: true });
  });

  conformanceOfOutcomes({
    name: "node:fs/promises",
    isRoot: false,
    outcome: (_, index) => outcomes[index] as Outcome,
  });
});
