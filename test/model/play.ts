/**
 * Plays a sequence of steps on the overlay and on the reference: the same answers, and whole trees equal. A revert has
 * no counterpart in the reference, so it is held to what must be true after any, and then the tree as it is becomes
 * the reference. At the end no record may be left that no name leads to, and a revert of everything shows the base.
 */
import { expect } from "vitest";
import { pathIdentity } from "../../src/base/base.ts";
import {
  type Change,
  type ChangeState,
  type FsError,
  run,
  type Storage,
  type Time,
} from "../../src/index.ts";
import { identityHash } from "../../src/overlay/identity-hash.ts";
import { rootIno } from "../../src/overlay/inode.ts";
import { Fixture, type FixtureOptions } from "../overlay/fixture.ts";
import { object, Reference, type ReferenceObject } from "./reference.ts";
import {
  type AnyStep,
  expectSameNumbers,
  linesOfOpenReference,
  linesOfOverlay,
  linesOfReference,
  type Step,
  Subject,
  takeOnReference,
  timeOf,
  untimed,
} from "./steps.ts";
import { chunkSize, long, tree } from "./tree.ts";

/** Numbers base objects in the model: the same in every run. */
export const plainHash = identityHash("model");

/** What the base says of all of its objects. */
const timeOfBase = "1000000000.0";

/** When step number `step` is taken. */
function timeOfStep(step: number): Time {
  return { seconds: 2_000_000_000, nanoseconds: step };
}

function referenceOfTree(): Reference {
  const reference = new Reference(timeOfBase);
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
  reference.at("a").xattrs.set("user.base", "below");
  reference.make("b", object("symlink", 0o777, "d/a"));
  return reference;
}

/** Says which numbers the base's objects have where none collide. */
function numberBase(directory: ReferenceObject, at = ""): void {
  for (const [name, child] of directory.children) {
    const path = at === "" ? name : `${at}/${name}`;
    child.ino = plainHash(child.nlink > 1 && child.type === "file" ? "link:g" : pathIdentity(path));
    numberBase(child, path);
  }
}

const linesOfBase = linesOfReference(referenceOfTree().root);

/**
 * Checks that the overlay shows the base, as after a revert of everything, but for the times of directories: those move
 * with their names, and stay so where nothing is left to be reverted.
 */
export async function expectBase(f: Fixture): Promise<void> {
  expect(untimed(await linesOfOverlay(f))).toEqual(untimed(linesOfBase));
}

/** An overlay over the model's tree. */
export function openModel(options: FixtureOptions): Promise<Fixture> {
  return Fixture.open(tree, { chunkSize, ...options });
}

/** What the environment says of this; a browser's page has none. */
export function said(variable: string): string | undefined {
  return typeof process === "undefined" ? undefined : process.env[variable];
}

/** The seed of all random sequences; MINIFO_SEED plays a run again. */
export const seed = Number(said("MINIFO_SEED") ?? Date.now() % 2 ** 31);

/** What was played so far in this process. */
const played = { sequences: 0, operations: 0, remounts: 0, crashes: 0, reverts: 0 };

/** Prints what was played, and how to play it again. */
export function tell(): void {
  const counts = Object.entries(played).map(([what, times]) => `${times} ${what}`);
  console.log(`model: ${counts.join(", ")} (MINIFO_SEED=${seed})`);
}

function count(steps: readonly Step[]): void {
  played.sequences += 1;
  // The one that every sequence ends with.
  played.remounts += 1;
  for (const { op } of steps) {
    if (op === "remount") played.remounts += 1;
    else if (op === "crash") played.crashes += 1;
    else if (op === "revert") played.reverts += 1;
    else played.operations += 1;
  }
}

/**
 * Takes `steps` and checks all of it; `storedContents` tells the ids of all contents of which there is data. With a hash
 * of its own in `options` numbers collide, and those of objects nothing is recorded of may be others after a remount.
 */
export async function play(
  steps: readonly Step[],
  options: FixtureOptions,
  storedContents: (f: Fixture) => number[] | Promise<number[]>,
): Promise<void> {
  count(steps);
  let now = timeOfStep(0);
  const f = await openModel({ hash: plainHash, now: () => now, ...options });
  const keepsNumbers = options.hash === undefined;
  const subject = new Subject(f);
  let reference = referenceOfTree();
  if (keepsNumbers) numberBase(reference.root);
  for (const [index, taken] of steps.entries()) {
    now = timeOfStep(index + 1);
    reference.now = timeOf(now);
    if (taken.op === "revert") {
      reference = await revert(subject, reference, taken, keepsNumbers);
      continue;
    }
    const code = await subject.take(taken);
    expect([taken, code]).toEqual([taken, takeOnReference(reference, taken)]);
    const isMade = code === undefined && ["create", "mkdir", "symlink"].includes(taken.op);
    if (isMade) reference.at(taken.path).ino = (await f.at(taken.path)).ino;
    f.overlay.sweep();
  }
  expect(await subject.linesOfOpen()).toEqual(linesOfOpenReference(reference));
  const expected = linesOfReference(reference.root);
  expect(await linesOfOverlay(f)).toEqual(expected);
  if (keepsNumbers) await expectSameNumbers(f, reference.root);
  await subject.closeAll();
  await f.remount();
  expect(await linesOfOverlay(f)).toEqual(expected);
  if (keepsNumbers) await expectSameNumbers(f, reference.root);
  await expectSound(f.storage, await storedContents(f));
  await run(f.overlay.revert([""])).catch((error) => expect(error.code).toBe("ENOENT"));
  expect(await run(f.overlay.changes())).toEqual([]);
  await expectBase(f);
  if (keepsNumbers) {
    const base = referenceOfTree();
    numberBase(base.root);
    await expectSameNumbers(f, base.root);
  }
  await run(f.overlay.close());
  expect(await storedContents(f)).toEqual([]);
}

/** Reverts some paths, which may be refused, and returns what the tree is then. */
async function revert(
  subject: Subject,
  reference: Reference,
  { path, pick = [] }: AnyStep,
  keepsNumbers: boolean,
): Promise<Reference> {
  const { f } = subject;
  const changesBefore = await run(f.overlay.changes());
  const worthwhile = changesBefore.flatMap(({ path, from }) => [
    path,
    path.slice(0, Math.max(0, path.lastIndexOf("/"))),
    from ?? path,
  ]);
  const picked = worthwhile.length === 0 ? [] : pick.map((n) => worthwhile[n % worthwhile.length]);
  const paths = picked.length === 0 ? [path] : (picked as string[]);
  const isReverted = (path: string) => paths.some((top) => isAtOrBelow(path, top));
  const before = linesOfReference(reference.root);
  const outcome = await run(f.overlay.revert(paths)).then(
    (reverted) => reverted.map(({ path }) => path),
    (error: FsError) => error,
  );
  if (!Array.isArray(outcome)) {
    expect(["ENOENT", "EEXIST"]).toContain(outcome.code);
    expect(await linesOfOverlay(f)).toEqual(before);
    return reference;
  }
  const after = await subject.toReference();
  const lines = linesOfReference(after.root);
  // The copy counts links by the names there are: so those the overlay tells have to be these.
  expect([paths, await linesOfOverlay(f)]).toEqual([paths, lines]);
  expect(await subject.linesOfOpen()).toEqual(linesOfOpenReference(after));
  const changes = await run(f.overlay.changes());
  expect(changes.filter(({ path }) => isReverted(path)).map(({ path }) => [paths, path])).toEqual(
    [],
  );
  // Not every name of an object of several names is known, so not every one can be told.
  const told = new Set<ReferenceObject>();
  for (const tree of [reference, after]) {
    for (const line of linesOfReference(tree.root)) {
      const path = pathOf(line);
      if (outcome.some((one) => isAtOrBelow(path, one))) told.add(tree.at(path));
    }
  }
  const toldLines = new Set<string>();
  for (const tree of [reference, after]) {
    for (const line of linesOfReference(tree.root)) {
      if (told.has(tree.at(pathOf(line)))) toldLines.add(pathOf(line));
    }
  }
  const untold = (line: string) => !toldLines.has(pathOf(line));
  for (const line of keepsNumbers ? lines.filter(untold) : []) {
    const path = pathOf(line);
    expect([path, after.at(path).ino]).toEqual([path, reference.at(path).ino]);
  }
  // A directory's mtime moves with its names; whether somebody set it, too, can only be guessed from ctime.
  const untoldChanges = ({ path, type, state }: Change) =>
    !outcome.some((one) => isAtOrBelow(path, one)) &&
    !(type === "directory" && state === "attributes");
  expect([paths, outcome, contentsIn(lines.filter(untold))]).toEqual([
    paths,
    outcome,
    contentsIn(before.filter(untold)),
  ]);
  expect(changes.filter(untoldChanges).map(({ path }) => path)).toEqual(
    changesBefore.filter(untoldChanges).map(({ path }) => path),
  );
  for (const top of paths) {
    // Where what is above lies elsewhere, or is no directory of the base, the base has another path or none.
    const isAtHome = !changes.some(
      ({ path, state, from }) =>
        (isAtOrBelow(top, path) && isOfNames(state)) ||
        (from !== undefined && from !== top && isAtOrBelow(top, from)),
    );
    const within = (line: string) => isAtOrBelow(pathOf(line), top);
    if (isAtHome) {
      expect([paths, contentsIn(lines.filter(within))]).toEqual([
        paths,
        contentsIn(linesOfBase.filter(within)),
      ]);
    }
  }
  return after;
}

function isOfNames(state: ChangeState): boolean {
  return state !== "modified" && state !== "attributes";
}

function isAtOrBelow(path: string, top: string): boolean {
  return top === "" || path === top || path.startsWith(`${top}/`);
}

function pathOf(line: string): string {
  return line.slice(0, line.indexOf("\t"));
}

/** The lines without links and times, which move with the names around. */
function contentsIn(lines: readonly string[]): string[] {
  return lines.map((line) => line.slice(0, line.lastIndexOf("\t")));
}

/** Checks that every record is led to by a name, and all of the data by a record. */
export async function expectSound(storage: Storage, stored: readonly number[]): Promise<void> {
  const named = new Set<number>([rootIno]);
  for (const { parent, record } of await run(storage.allNames())) {
    named.add(parent);
    if (!record.whiteout) named.add(record.ino);
  }
  const nodes = await run(storage.allNodes());
  for (const node of nodes) {
    // A name of a link group in the base may reach its node without a record.
    if (!node.identity?.startsWith("link:"))
      expect([node, named.has(node.ino)]).toEqual([node, true]);
  }
  const identities = new Set(nodes.map(({ identity }) => identity));
  for (const identity of (await run(storage.aliases())).keys()) {
    expect([identity, identities.has(identity)]).toEqual([identity, true]);
  }
  expect(await run(storage.orphans())).toEqual([]);
  const contents = new Set(nodes.map(({ content }) => content?.id));
  expect(stored.filter((id) => !contents.has(id))).toEqual([]);
}
