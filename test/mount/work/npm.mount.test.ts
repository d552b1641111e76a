/** npm in a mount over a project: its packages are installed whole, run, and are there again after a remount. */
import { expect, test } from "vitest";
import { shell } from "../fixture.ts";
import { describeWork } from "./fixture.ts";
import { npmProject, quietly } from "./npm-project.ts";

const project = npmProject();
const obstacle = "missing" in project ? project.missing : undefined;
const directory = "missing" in project ? "" : project.directory;

const fill = (base: string) => shell(`cp -a ${directory}/project project`, base);
const npm = (words: string) => `npm ${words} ${quietly} --offline --cache "$OUTSIDE/cache"`;

describeWork("npm in a mount", { needs: ["npm"], obstacle, fill }, (place) => {
  test("installs a project's packages as it does elsewhere, and they run", async () => {
    await place().run(
      `cp -a ${directory}/cache "$OUTSIDE/cache"; cp -a project "$OUTSIDE/project"
      (cd "$OUTSIDE/project"; ${npm("ci")}); cd project; ${npm("ci")}
      diff -r --no-dereference . "$OUTSIDE/project"`,
    );
    const counted = Number(await place().run("find project/node_modules -type f | wc -l"));
    expect(counted).toBeGreaterThan(300);
    expect(await place().run("cd project; npm test 2>&1")).toContain("41 passing");
    expect(await place().run("project/node_modules/.bin/mocha --version")).toBe("10.8.2\n");
  });

  test("finds them after a remount, installs them anew, and leaves nothing once they are removed", async () => {
    await place().remount();
    await place().run(`cd project; diff -r --no-dereference . "$OUTSIDE/project"`);
    expect(await place().run("cd project; npm test 2>&1")).toContain("41 passing");
    await place().run(
      `cd project; ${npm("ls --all")} >/dev/null; ${npm("ci")}; diff -r --no-dereference . "$OUTSIDE/project"
      echo 'module.exports = () => 0' >sum.js; if npm test >/dev/null 2>&1; then exit 1; fi
      rm -r node_modules`,
    );
    const told = (await place().scratch.status()).filter((line) => line !== "attributes project");
    expect(told).toEqual(["modified project/sum.js"]);
  });
});
