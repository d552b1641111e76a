/**
 * Builds, then runs every vitest project, and ends with what failed and why, and one plain line that counts all of it:
 * whoever sees only the end of a long log sees that. A project whose programs are missing is named, and each of its
 * files counts as one skipped test; whatever breaks without naming a test counts as one failed. Plain JavaScript,
 * because nothing is built yet when this starts.
 */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { stripVTControlCharacters } from "node:util";

/** When nothing more is waited for, in milliseconds since 1970: the whole run has a quarter of an hour. */
const end_ms = Date.now() + 14.5 * 60_000;

const inNode = /(?<!\.(mount|e2e|browser))\.test\.ts$/;
const inBrowsers = /\.browser\.test\.ts$/;

/** A directory of this run alone, in which ordinary users may come along. */
function makeScratch(name) {
  const directory = mkdtempSync(join(tmpdir(), `minifo-${name}-`));
  chmodSync(directory, 0o755);
  return directory;
}

/**
 * Which projects run together, the files they run, what has to be there for it, and where their temporary files are, if
 * not where everybody's are: then it can be told what was left mounted.
 */
const runs = [
  { projects: ["quick", "slow"], files: inNode, needs: [] },
  {
    projects: ["mount"],
    files: /\.mount\.test\.ts$/,
    needs: ["/dev/fuse", "/usr/bin/fusermount3"],
    scratch: makeScratch("mounts"),
  },
  {
    projects: ["e2e"],
    files: /\.e2e\.test\.ts$/,
    needs: [
      "/usr/bin/chromium",
      "/usr/bin/firefox-esr",
      "/usr/bin/WebKitWebDriver",
      "/usr/bin/Xvfb",
    ],
  },
  { projects: ["chromium"], files: inBrowsers, needs: ["/usr/bin/chromium"] },
  { projects: ["firefox"], files: inBrowsers, needs: ["/usr/bin/firefox-esr"] },
  {
    projects: ["webkit"],
    files: inBrowsers,
    needs: ["/usr/bin/WebKitWebDriver", "/usr/bin/Xvfb"],
  },
];

const testFiles = readdirSync("test", { recursive: true }).map(String);
const reports = mkdtempSync(join(tmpdir(), "minifo-test-"));
const sum = { passed: 0, failed: 0, skipped: 0 };
const remarks = [];

/** Of what a failure says, its first lines: the rest stands where it happened. */
const messageLines = 12;

/** What the end of the log says of one failure, in the words of its messages. */
function describe(where, messages) {
  const lines = stripVTControlCharacters((messages ?? []).join("\n")).split("\n");
  return [`FAILED ${where}`, ...lines.slice(0, messageLines).map((line) => `    ${line}`)].join(
    "\n",
  );
}

/** Runs a command to its end, or to the deadline; resolves with its exit code, or with why it has none. */
function execute(command, options, variables) {
  const env = { ...process.env, ...variables };
  const child = spawn(command, options, { stdio: "inherit", detached: true, env });
  const endGroup = (signal) => {
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It has ended by itself in the meantime.
    }
  };
  const forward = () => endGroup("SIGINT");
  process.once("SIGINT", forward);
  const timer = setTimeout(() => endGroup("SIGKILL"), Math.max(0, end_ms - Date.now()));
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(code ?? signal));
  }).finally(() => {
    clearTimeout(timer);
    process.off("SIGINT", forward);
    endGroup("SIGKILL");
  });
}

/** Adds what one vitest process reports; its exit code tells of failures that belong to no test. */
function add(report, code, name) {
  const before = sum.failed;
  if (existsSync(report)) {
    const { testResults } = JSON.parse(readFileSync(report, "utf8"));
    for (const file of testResults) {
      const results = file.assertionResults;
      sum.passed += results.filter(({ status }) => status === "passed").length;
      sum.skipped += results.filter(({ status }) =>
        /pending|skipped|todo|disabled/.test(status),
      ).length;
      const failed = results.filter(({ status }) => status === "failed");
      const path = relative(process.cwd(), file.name);
      for (const { fullName, failureMessages } of failed)
        remarks.push(describe(`${name}: ${path}: ${fullName}`, failureMessages));
      sum.failed += failed.length;
      // A file that does not load, or whose hooks fail, has failed without a failed test.
      if (failed.length === 0 && file.status === "failed") {
        sum.failed += 1;
        remarks.push(describe(`${name}: ${path}`, [file.message]));
      }
    }
  }
  if (code !== 0 && sum.failed === before) {
    sum.failed += 1;
    remarks.push(`${name}: failed outside any test (ended with ${code})`);
  }
}

/**
 * Lets go of what is still mounted in `directory`, whatever became of the tests that mounted it: their daemons end with
 * it. Each is one failure, unless the tests themselves were cut off.
 */
function clearMounts(directory, name, isCutOff) {
  const places = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((place) => place.startsWith(`${directory}/`))
    .reverse();
  for (const place of places) {
    const { status } = spawnSync("umount", ["-l", place], { stdio: "inherit" });
    if (isCutOff && status === 0) continue;
    sum.failed += 1;
    remarks.push(`${name}: left mounted behind: ${place}`);
  }
}

let interrupted = false;
process.once("SIGINT", () => {
  interrupted = true;
});

const built = await execute("npm", ["run", "--silent", "build"]);
if (built !== 0) {
  sum.failed += 1;
  remarks.push(`build: failed (ended with ${built})`);
}
const linted = await execute("npm", ["run", "--silent", "lint"]);
if (linted === 0) sum.passed += 1;
else {
  sum.failed += 1;
  remarks.push(
    `lint: types, style, layers or unused code (ended with ${linted}; see npm run lint)`,
  );
}
for (const { projects, files, needs, scratch } of runs) {
  if (interrupted) break;
  const name = projects.join(", ");
  const missing = needs.filter((path) => !existsSync(path));
  const count = testFiles.filter((file) => files.test(file)).length;
  if (count === 0) continue;
  if (missing.length > 0) {
    sum.skipped += count;
    remarks.push(
      `${name}: skipped ${count} test files, because ${missing.join(" and ")} is missing`,
    );
    continue;
  }
  const report = join(reports, `${projects[0]}.json`);
  const command = [
    "node_modules/vitest/vitest.mjs",
    "run",
    ...projects.flatMap((project) => ["--project", project]),
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
  ];
  const code = await execute(process.execPath, command, scratch && { TMPDIR: scratch });
  add(report, code, name);
  if (!scratch) continue;
  clearMounts(scratch, name, typeof code !== "number");
  // Not across a border that could not be taken away.
  spawnSync("rm", ["-rf", "--one-file-system", scratch], { stdio: "inherit" });
}
rmSync(reports, { recursive: true, force: true });
for (const remark of remarks) console.log(remark);
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
process.exitCode = interrupted ? 130 : sum.failed > 0 ? 1 : 0;
