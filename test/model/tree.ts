/** The base that the model test plays on, and the paths it plays at: those of the base, and some where it has nothing. */

/** Chunks are 4 KiB in the model, so that edges are met often. */
export const chunkSize = 4096;

/** A content of more than two chunks. */
export const long = new Uint8Array(2 * chunkSize + 100).map((_, i) => (i % 250) + 1);

/** The base. */
export const tree = {
  "d/a": long,
  "d/b": "beta",
  "d/e/a": "gamma",
  "d/e/f": { target: "a" },
  "f/a": { content: "grouped", link: "g" },
  "f/b": { content: "grouped", link: "g" },
  "f/d/e": "deep",
  a: { content: "alpha", xattrs: { "user.base": "below" } },
  b: { target: "d/a" },
};

const directories = ["", "d", "d/e", "f", "f/d", "d/e/d"];
const names = ["a", "b", "d", "e", "f", "__proto__"];

/** All paths. */
export const paths = directories.flatMap((directory) =>
  names.map((name) => (directory === "" ? name : `${directory}/${name}`)),
);

/** Each directory of the base but the root, with everything the base has right in it. */
export const families = directories
  .map((directory) => [directory, ...paths.filter((path) => isInBase(directory, path))])
  .filter(([directory, ...children]) => directory !== "" && children.length > 0);

function isInBase(directory: string, path: string): boolean {
  const isChild = path.slice(0, Math.max(0, path.lastIndexOf("/"))) === directory;
  return (
    isChild && Object.keys(tree).some((known) => known === path || known.startsWith(`${path}/`))
  );
}
