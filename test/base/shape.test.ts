/** The checks that a manifest's JSON goes through: what they let pass, and what they say of the rest. */
import { expect, test } from "vitest";
import { directoryShape, manifestShape } from "../../src/base/manifest/format.ts";
import { ManifestFlaw } from "../../src/base/manifest/shape.ts";

const manifest = {
  format: "minifo",
  layout: "tree",
  entries: 1,
  bytes: 0,
  root: { mtime: [1_700_000_000, 5] },
  index: { directories: [{}] },
};

const directory = { path: "", names: ["a"], kinds: "f" };

test("absent keys get their defaults, unknown ones are ignored", () => {
  const shaped = manifestShape({ ...manifest, later: true }, "");
  expect(shaped).toMatchObject({ omitted: 0, root: { mode: 0o755 } });
  expect(shaped).not.toHaveProperty("later");
  expect(directoryShape(directory, "")).toEqual({
    ...directory,
    sizes: 0,
    subdirectories: 0,
    since: 0,
    mtimes: 0,
    nanoseconds: 0,
    modes: undefined,
    targets: [],
    sha256: "",
    sums: "",
    checks: "",
    runs: 0,
    chunks: [],
    links: [],
  });
});

test("columns hold whole numbers, links are triples", () => {
  const columns = { sizes: [1, 2], mtimes: -5, links: [[0, "a", 2]] };
  expect(directoryShape({ ...directory, ...columns }, "")).toMatchObject(columns);
});

test.each([
  [{ ...manifest, format: "other" }, 'format: expected "minifo"'],
  [{ ...manifest, entries: -1 }, "entries: expected a whole number from 0"],
  [{ ...manifest, entries: 1.5 }, "entries: expected a whole number from 0"],
  [{ ...manifest, bytes: "7" }, "bytes: expected a whole number from 0"],
  [{ ...manifest, root: { mtime: [1] } }, "root.mtime: expected a list of 2"],
  [{ ...manifest, root: { mtime: [1, 1e9] } }, "root.mtime.1: expected a whole number from 0 to 9"],
  [{ ...manifest, root: { mtime: [1, 1], mode: 0o10000 } }, "root.mode: expected"],
  [{ ...manifest, index: [] }, "index: expected an object"],
  [{ ...manifest, index: { directories: {} } }, "index.directories: expected a list"],
  // A prototype is no key of its own.
  [JSON.parse('{"__proto__": {"format": "minifo"}}'), 'format: expected "minifo"'],
  [[], "expected an object"],
  [null, "expected an object"],
])("%j is refused: %s", (input, flaw) => {
  expect(() => manifestShape(input, "")).toThrow(ManifestFlaw);
  expect(() => manifestShape(input, "")).toThrow(flaw);
});

test.each([
  [{ ...directory, names: ["a", 1] }, "names: expected a list of strings"],
  [{ ...directory, kinds: 1 }, "kinds: expected a string"],
  [{ ...directory, sizes: [1, Number.MAX_SAFE_INTEGER + 1] }, "sizes: expected a whole number or"],
  [{ ...directory, links: [[0, "a"]] }, "links.0: expected a list of 3"],
  [{ ...directory, links: [[0, 1, 2]] }, "links.0.1: expected a string"],
])("the directory %j is refused: %s", (input, flaw) => {
  expect(() => directoryShape(input, "")).toThrow(flaw);
});
