/**
 * Random sequences of operations, with remounts and crashes between commits, on the overlay and on a naive reference:
 * the same answers, and whole trees equal. At the end no record may be left that no name leads to, and a revert of
 * everything shows the base.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { run } from "../../src/index.ts";
import { firstBaseIno, identityHash, rootIno } from "../../src/overlay/inode.ts";
import { Fixture } from "../overlay/fixture.ts";
import { object, Reference } from "./reference.ts";
import {
  chunkSize,
  linesOfOverlay,
  linesOfReference,
  type Step,
  step,
  takeOnOverlay,
  takeOnReference,
} from "./steps.ts";

const sequences = Number(process.env["MINIFO_MODEL_SEQUENCES"] ?? 300);

const long = new Uint8Array(2 * chunkSize + 100).map((_, i) => (i % 250) + 1);

const tree = {
  "d/a": long,
  "d/b": "beta",
  "d/e/a": "gamma",
  "d/e/f": { target: "a" },
  "f/a": { content: "grouped", link: "g" },
  "f/b": { content: "grouped", link: "g" },
  "f/d/e": "deep",
  a: "alpha",
  b: { target: "d/a" },
};

function referenceOfTree(): Reference {
  const reference = new Reference();
  const file = (text: string | Uint8Array) => {
    const made = object("file", 0o644);
    made.data = typeof text === "string" ? new TextEncoder().encode(text) : text.slice();
    return made;
  };
  for (const path of ["d", "d/e", "f", "f/d"]) reference.make(path, object("directory", 0o755));
  const grouped = file("grouped");
  reference.make("d/a", file(long));
  reference.make("d/b", file("beta"));
  reference.make("d/e/a", file("gamma"));
  reference.make("d/e/f", object("symlink", 0o777, "a"));
  reference.make("f/a", grouped);
  reference.make("f/b", grouped);
  reference.make("f/d/e", file("deep"));
  reference.make("a", file("alpha"));
  reference.make("b", object("symlink", 0o777, "d/a"));
  return reference;
}

async function play(steps: readonly Step[], narrow: boolean): Promise<void> {
  const plain = identityHash("model");
  // Eight numbers for all base objects: most of them collide, with recorded nodes and with unrecorded ones.
  const hash = (key: string) => firstBaseIno + (plain(key) % 8);
  const f = await Fixture.open(tree, { chunkSize, ...(narrow && { hash }) });
  let reference = referenceOfTree();
  for (const taken of steps) {
    if (taken.op === "revert") {
      await run(f.overlay.revert([""])).catch((error) => expect(error.code).toBe("ENOENT"));
      reference = referenceOfTree();
      continue;
    }
    expect([taken, await takeOnOverlay(f, taken)]).toEqual([
      taken,
      takeOnReference(reference, taken),
    ]);
  }
  const expected = linesOfReference(reference.root);
  expect(await linesOfOverlay(f)).toEqual(expected);
  await f.remount();
  expect(await linesOfOverlay(f)).toEqual(expected);
  expectNoLeaks(f);
  await run(f.overlay.revert([""])).catch((error) => expect(error.code).toBe("ENOENT"));
  expect(await run(f.overlay.changes())).toEqual([]);
  expect(await linesOfOverlay(f)).toEqual(linesOfReference(referenceOfTree().root));
}

function expectNoLeaks({ disk }: Fixture): void {
  const named = new Set<number>([rootIno]);
  for (const [parent, names] of disk.names) {
    if (names.size > 0) named.add(parent);
    for (const record of names.values()) if (!record.whiteout) named.add(record.ino);
  }
  const contents = new Set<number>();
  for (const node of disk.nodes.values()) {
    // A name of a link group in the base may reach its node without a record.
    if (!node.identity?.startsWith("link:"))
      expect([node, named.has(node.ino)]).toEqual([node, true]);
    if (node.content) contents.add(node.content.id);
  }
  for (const id of disk.data.keys()) expect([id, contents.has(id)]).toEqual([id, true]);
  expect(disk.orphans.size).toBe(0);
}

for (const narrow of [false, true]) {
  test(`${sequences} random sequences give what the reference gives${narrow ? ", with colliding numbers" : ""}`, async () => {
    const steps = fc.array(step, { minLength: 1, maxLength: 40, size: "max" });
    await fc.assert(
      fc.asyncProperty(steps, (taken) => play(taken, narrow)),
      {
        numRuns: sequences,
        verbose: 0,
      },
    );
  }, 600_000);
}
