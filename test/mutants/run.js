/**
 * Shows that the tests can fail: breaks a copy of the code in one place after the other (mutants.js), runs the quick
 * tests of the core on it, and tells which test caught it. Fails if one survives, if one does not apply any more, and if
 * the tests fail on the code as it is. Words given on the command line choose the mutants whose name has one of them.
 * Plain JavaScript, because nothing is built when this starts.
 */
import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { mutants } from "./mutants.js";

/** In milliseconds; a breakage that makes a test run for ever counts as caught by that. */
const patience_ms = 5 * 60_000;

/**
 * The whole set takes long; so many are enough for any of these breakages. Always the same sequences, so that it is not
 * chance that decides whether a breakage is caught.
 */
const environment = {
  ...process.env,
  MINIFO_MODEL_SEQUENCES: "300",
  MINIFO_SEED: "1",
  MINIFO_EXHAUSTIVE: "few",
};

/** The quickest first: most breakages are caught in a second or two. */
const config = `import { BaseSequencer } from "vitest/node";

const order = ["/overlay/", "/storage/", "/overtaken.", "/pairs.", "/nth-failure.", "/model/"];
const rank = ({ moduleId }) => order.findIndex((part) => moduleId.includes(part));

export default {
  cacheDir: ".vite",
  oxc: { target: "es2022" },
  test: {
    include: [
      "test/{overlay,model,storage}/**/*.test.ts",
      "test/exhaustive/{overtaken,pairs,nth-failure}*.test.ts",
    ],
    exclude: ["test/{overlay,model,storage}/**/*.slow.test.ts", "test/**/*.browser.test.ts"],
    testTimeout: 60000,
    maxWorkers: 1,
    bail: 1,
    reporters: ["json"],
    outputFile: "report.json",
    sequence: {
      sequencer: class extends BaseSequencer {
        async sort(files) {
          return files.sort((a, b) => rank(a) - rank(b));
        }
      },
    },
  },
};
`;

const root = resolve(import.meta.dirname, "../..");
const copy = mkdtempSync(join(tmpdir(), "minifo-mutants-"));

/** Ends the tests that run, their workers too: one that never returns would go on for ever. */
let endTests = () => {};

/** Runs the tests on the copy; resolves with what failed: a test's name, or undefined if all is well. */
async function failure() {
  const report = join(copy, "report.json");
  rmSync(report, { force: true });
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const child = spawn(process.execPath, [vitest, "run", "--config", "vitest.config.js"], {
    cwd: copy,
    env: environment,
    stdio: ["ignore", "ignore", "inherit"],
    detached: true,
  });
  endTests = () => process.kill(-child.pid, "SIGKILL");
  let isOver = false;
  const timer = setTimeout(() => {
    isOver = true;
    endTests();
  }, patience_ms);
  const code = await new Promise((done) => child.once("exit", done));
  clearTimeout(timer);
  endTests = () => {};
  if (isOver) return "a test that does not end";
  if (code === 0) return undefined;
  if (!existsSync(report)) throw new Error("the tests were interrupted, or could not begin");
  return nameOfFailure(JSON.parse(readFileSync(report, "utf8")));
}

function nameOfFailure({ testResults }) {
  for (const { name, status, assertionResults, message } of testResults) {
    const file = name.slice(name.indexOf("/test/") + "/test/".length);
    const failed = assertionResults.find((test) => test.status === "failed");
    if (failed) return `${file}: ${failed.fullName}`;
    // The breakage has to be in what the code does: a file that cannot even be loaded shows nothing.
    if (status === "failed" && assertionResults.length === 0)
      throw new Error(`${file}: ${message}`);
  }
  return "an error outside of any test";
}

/** The text of the mutant's file with its edits made. */
function broken({ name, file, edits }) {
  let text = readFileSync(join(root, file), "utf8");
  for (const [find, replacement] of edits) {
    const pieces = text.split(find);
    if (pieces.length !== 2) {
      throw new Error(
        `"${name}" does not apply: ${file} has ${pieces.length - 1} times what it replaces: ${find}`,
      );
    }
    text = pieces.join(replacement);
  }
  return text;
}

async function main() {
  const words = process.argv.slice(2);
  const chosen = mutants.filter(
    ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
  );
  const texts = new Map(chosen.map((mutant) => [mutant, broken(mutant)]));
  // Without the projects of tsc, which lead to folders that are not copied.
  const filter = (path) => !path.endsWith("tsconfig.json");
  for (const part of ["src", "test", "package.json"]) {
    cpSync(join(root, part), join(copy, part), { recursive: true, filter });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  writeFileSync(join(copy, "vitest.config.js"), config);
  const asItIs = await failure();
  if (asItIs !== undefined) throw new Error(`the tests fail on the code as it is: ${asItIs}`);
  let survivors = 0;
  for (const [mutant, text] of texts) {
    const path = join(copy, mutant.file);
    const whole = readFileSync(path, "utf8");
    writeFileSync(path, text);
    const caught = await failure();
    writeFileSync(path, whole);
    if (caught === undefined) survivors += 1;
    console.log(`${caught === undefined ? "SURVIVED" : "caught"}  ${mutant.name}`);
    if (caught !== undefined) console.log(`          by ${caught}`);
  }
  console.log(
    `${chosen.length} mutants, ${chosen.length - survivors} caught, ${survivors} survived`,
  );
  return survivors === 0 ? 0 : 1;
}

// That leaves us without their report: we end with an error, and clean up.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => endTests());
try {
  process.exitCode = await main();
} finally {
  rmSync(copy, { recursive: true });
}
