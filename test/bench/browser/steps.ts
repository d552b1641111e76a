/** The work itself, for every contender that is a file system; `raw-page.ts` has what lies beneath them. */
import { storedBytes } from "./stored.ts";
import {
  type BenchPage,
  type Look,
  type Step,
  type StepTaken,
  type Subject,
  taken,
} from "./subject.ts";
import {
  chunk,
  contentOf,
  crowdedDirectory,
  directories,
  filesOf,
  isEqual,
  largeBytes,
  largeContent,
  largeName,
  middle,
  overwrittenContentOf,
  type parts,
  renamedDirectory,
  smallFiles,
  survivors,
} from "./tree.ts";

const large = `/${largeName}`;
const appended = Uint8Array.of(33);
const inRoot = new Set(["group-0", crowdedDirectory, largeName]);

/** Everything in the tree as `list` finds it, deletions and the rename done or not. */
async function walk(fs: Subject): Promise<Map<string, number | undefined>> {
  const found = new Map<string, number | undefined>();
  const ahead = ["/"];
  for (let at = ahead.pop(); at !== undefined; at = ahead.pop()) {
    for (const { name, size } of await fs.list(at)) {
      const path = `${at === "/" ? "" : at}/${name}`;
      found.set(path, size);
      if (size === undefined) ahead.push(path);
    }
  }
  return found;
}

/** The tree after all the work, by path, with the sizes of files. */
function expectedAfter(): Map<string, number | undefined> {
  const expected = new Map<string, number | undefined>();
  for (const path of directories) {
    expected.set(`/${path === crowdedDirectory ? renamedDirectory : path}`, undefined);
  }
  for (const [number, path] of smallFiles.entries()) {
    expected.set(`/${path.replace(crowdedDirectory, renamedDirectory)}`, contentOf(number).length);
  }
  for (const part of ["overwritten", "overwrittenAtOnce"] as const) {
    for (const { number, path } of filesOf(part)) {
      expected.set(path, overwrittenContentOf(number).length);
    }
  }
  for (const { path } of filesOf("deleted")) expected.delete(path);
  expected.set(large, largeBytes + appended.length);
  return expected;
}

function differing(
  found: ReadonlyMap<string, number | undefined>,
  expected: ReadonlyMap<string, number | undefined>,
): string | undefined {
  const missing = [...expected.keys()].filter((path) => !found.has(path)).length;
  const surplus = [...found.keys()].filter((path) => !expected.has(path)).length;
  const otherSize = [...expected].filter(
    ([path, size]) => found.has(path) && found.get(path) !== size,
  ).length;
  if (missing + surplus + otherSize === 0) return undefined;
  return `${missing} missing, ${surplus} too many, ${otherSize} of another size`;
}

/** How many of the contents are not those of the part. */
function wrongOnes(part: keyof typeof parts, contents: readonly Uint8Array[]): string | undefined {
  const files = filesOf(part);
  const wrong = files.filter(
    ({ number }, at) => !isEqual(contents[at] ?? new Uint8Array(), contentOf(number)),
  ).length;
  return wrong === 0 ? undefined : `${wrong} of ${files.length} contents`;
}

/** The words for how many of the part's files are not as they should be. */
async function countWrong(
  part: keyof typeof parts,
  isRight: (file: { number: number; path: string }) => Promise<boolean>,
): Promise<string | undefined> {
  let wrong = 0;
  const files = filesOf(part);
  for (const file of files) if (!(await isRight(file))) wrong += 1;
  return wrong === 0 ? undefined : `${wrong} of ${files.length}`;
}

/** Whether the file is there and has just these bytes, its size told too. */
async function has(fs: Subject, path: string, bytes: Uint8Array): Promise<boolean> {
  try {
    return (await fs.stat(path)).size === bytes.length && isEqual(await fs.readFile(path), bytes);
  } catch {
    // Not to be read is not to be there, whatever the error.
    return false;
  }
}

async function isAbsent(fs: Subject, path: string): Promise<boolean> {
  return await fs.stat(path).then(
    () => false,
    () => true,
  );
}

/** Makes `globalThis.bench` over what `open` opens. */
export function offer(open: () => Promise<Subject>): void {
  let opened: Subject | undefined;
  const subject = (): Subject => {
    if (!opened) throw new Error("bug: a step before the file system was opened");
    return opened;
  };
  const readOneByOne = async (): Promise<Uint8Array[]> => {
    const contents: Uint8Array[] = [];
    for (const { path } of filesOf("read")) contents.push(await subject().readFile(path));
    return contents;
  };
  const newPath = (at: number): string => `/written-${at}`;
  const steps: Record<Step, () => Promise<StepTaken>> = {
    open: () =>
      taken(
        async () => {
          opened = await open();
          return opened.readdir("/");
        },
        (names) => {
          const found = names.filter((name) => inRoot.has(name)).length;
          return found === inRoot.size ? undefined : `${found} of ${inRoot.size} names`;
        },
      ),
    stat: () =>
      taken(
        async () => {
          const sizes: number[] = [];
          for (const path of smallFiles) sizes.push((await subject().stat(`/${path}`)).size);
          return sizes;
        },
        (sizes) => {
          const wrong = sizes.filter((size, at) => size !== contentOf(at).length).length;
          return wrong === 0 ? undefined : `${wrong} sizes`;
        },
      ),
    "stat root": () =>
      taken(async () => {
        for (const _ of smallFiles) await subject().stat("/");
      }),
    walk: () =>
      taken(
        () => walk(subject()),
        (found) => {
          const count = directories.length + smallFiles.length + 1;
          return found.size === count ? undefined : `${found.size} entries of ${count}`;
        },
      ),
    read: () => taken(readOneByOne, (contents) => wrongOnes("read", contents)),
    "read again": () => taken(readOneByOne, (contents) => wrongOnes("read", contents)),
    "read at once": () =>
      taken(
        () => subject().readMany(filesOf("readAtOnce").map(({ path }) => path)),
        (contents) => wrongOnes("readAtOnce", contents),
      ),
    middle: () =>
      taken(
        () => subject().readPart(large, middle.offset, middle.length),
        (bytes) =>
          isEqual(bytes, largeContent(middle.offset, middle.length)) ? undefined : "other bytes",
      ),
    chunk: () =>
      taken(
        () => subject().readPart(large, chunk.offset, chunk.length),
        (bytes) =>
          isEqual(bytes, largeContent(chunk.offset, chunk.length)) ? undefined : "other bytes",
      ),
    append: () => taken(() => subject().append(large, appended)),
    overwrite: () =>
      taken(async () => {
        for (const { number, path } of filesOf("overwritten")) {
          await subject().writeFile(path, overwrittenContentOf(number));
        }
      }),
    "overwrite at once": () =>
      taken(async () => {
        await Promise.all(
          filesOf("overwrittenAtOnce").map(({ number, path }) =>
            subject().writeFile(path, overwrittenContentOf(number)),
          ),
        );
      }),
    delete: () =>
      taken(async () => {
        for (const { path } of filesOf("deleted")) await subject().unlink(path);
      }),
    rename: () => taken(() => subject().rename(`/${crowdedDirectory}`, `/${renamedDirectory}`)),
    "open again": () =>
      taken(
        async () => {
          opened = await open();
          return walk(opened);
        },
        (found) => differing(found, expectedAfter()),
      ),
    write: () =>
      taken(async () => {
        for (let at = 0; at < survivors; at += 1) {
          await subject().writeFile(newPath(at), contentOf(at));
        }
      }),
  };
  const looks: Record<Look, () => Promise<string | undefined>> = {
    append: async () => {
      const fs = subject();
      const end = await fs.readPart(large, largeBytes - 100, 101);
      const right = new Uint8Array([...largeContent(largeBytes - 100, 100), ...appended]);
      const { size } = await fs.stat(large);
      return isEqual(end, right) && size === largeBytes + 1 ? undefined : "another end";
    },
    overwrite: () =>
      countWrong("overwritten", ({ number, path }) =>
        has(subject(), path, overwrittenContentOf(number)),
      ),
    "overwrite at once": () =>
      countWrong("overwrittenAtOnce", ({ number, path }) =>
        has(subject(), path, overwrittenContentOf(number)),
      ),
    delete: () => countWrong("deleted", ({ path }) => isAbsent(subject(), path)),
    rename: () =>
      countWrong("renamed", async ({ number, path }) => {
        const renamed = path.replace(crowdedDirectory, renamedDirectory);
        return (
          (await isAbsent(subject(), path)) && (await has(subject(), renamed, contentOf(number)))
        );
      }),
  };
  const page: BenchPage = {
    run: (step) => steps[step](),
    look: (look) => looks[look](),
    async countSurvivors() {
      opened = await open();
      let there = 0;
      for (let at = 0; at < survivors; at += 1) {
        if (await has(opened, newPath(at), contentOf(at))) there += 1;
      }
      return there;
    },
    stored: storedBytes,
  };
  globalThis.bench = page;
}
