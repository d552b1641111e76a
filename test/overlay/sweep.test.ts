/** What is in memory is bounded: inodes nobody uses go, and come back as they were. */
import { expect, test } from "vitest";
import { Deferred, fsOf, run } from "../../src/index.ts";
import { Fixture } from "./fixture.ts";

const count = 300;
const many = Object.fromEntries(
  Array.from({ length: count }, (_, index) => [`d${index % 10}/f${index}`, `text ${index}`]),
);
const maxInodes = 40;

test("calls over a large tree leave no more inodes in memory than may stay", async () => {
  const f = await Fixture.open(many, { maxInodes });
  const { promises } = fsOf(f.overlay);
  let most = 0;
  for (const path of Object.keys(many)) {
    await promises.stat(path);
    most = Math.max(most, f.overlay.inodeCount);
  }
  // The directories of those that stay come on top.
  expect(most).toBeLessThanOrEqual(maxInodes + 10);
});

test("changed files cost memory only until they are committed", async () => {
  const f = await Fixture.open(many, { maxInodes });
  const { promises } = fsOf(f.overlay);
  await promises.batch(async (fs) => {
    for (const path of Object.keys(many)) await fs.appendFile(path, "!");
    expect(f.overlay.inodeCount).toBeGreaterThan(count);
  });
  await promises.stat("d0");
  expect(f.overlay.inodeCount).toBeLessThanOrEqual(maxInodes);
  for (const [path, text] of Object.entries(many)) {
    expect(await promises.readFile(path, "utf8")).toBe(`${text}!`);
  }
});

test("what is swept keeps its number and its attributes when it comes back", async () => {
  const f = await Fixture.open(many, { maxInodes: 0 });
  const { promises } = fsOf(f.overlay);
  await promises.chmod("d1/f1", 0o600);
  await promises.rename("d2", "renamed");
  await promises.mkdir("new");
  await promises.mkdir("new/er");
  const paths = ["d1/f1", "d1", "d3/f3", "renamed/f2", "new", "new/er"];
  const tellAll = async () => {
    const told = [];
    for (const path of paths) told.push(await promises.stat(path));
    return told;
  };
  const before = await tellAll();
  expect(f.overlay.inodeCount).toBe(1);
  expect(await tellAll()).toEqual(before);
});

test("an open file stays the inode it is, with the directories that lead to it", async () => {
  const f = await Fixture.open(many, { maxInodes: 0 });
  const { promises } = fsOf(f.overlay);
  const file = await promises.open("d1/f1", "r+");
  const directory = await f.at("d1");
  await promises.stat("d2/f2");
  expect(await f.at("d1")).toBe(directory);
  expect(f.overlay.inodeCount).toBeLessThanOrEqual(4);
  await file.write("T", 0);
  expect(await promises.readFile("d1/f1", "utf8")).toBe("Text 1");
  await file.close();
  for (const name of ["f2", "f12", "f22", "f32"]) await promises.stat(`d2/${name}`);
  expect(f.overlay.inodeCount).toBe(1);
});

test("nothing is swept under a call that waits", async () => {
  const f = await Fixture.open(many, { maxInodes: 0 });
  const { promises } = fsOf(f.overlay);
  const gate = new Deferred<void>();
  f.base.before = (question) => (question === "read" ? gate : undefined);
  const reading = promises.readFile("d1/f1", "utf8");
  for (let index = 0; index < 10; index += 1) await promises.stat(`d${index}`);
  // The root, ten directories and the file.
  const waiting = 12;
  expect(f.overlay.inodeCount).toBe(waiting);
  await promises.writeFile("d1/f1", "changed");
  expect(f.overlay.inodeCount).toBeGreaterThanOrEqual(waiting);
  gate.resolve();
  expect(["text 1", "changed"]).toContain(await reading);
  expect(await promises.readFile("d1/f1", "utf8")).toBe("changed");
  await run(f.overlay.close());
});
