/** `minifo import` and `minifo check` as a user calls them: in processes of their own, from what the build made. */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const program = fileURLToPath(new URL("../../../bin/minifo.js", import.meta.url));
const meta = "META_dAfFgHE39ktF3HD2sr";

let place: string;
let rom: string;
let overlay: string;
let storage: string;

function minifo(...words: string[]) {
  const env = { ...process.env, NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], {
    encoding: "utf8",
    env,
    cwd: place,
  });
  return { status, stdout, stderr };
}

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "minifo-import-"));
  [rom, overlay, storage] = [join(place, "rom"), join(place, "overlay"), join(place, "storage")];
  for (const path of [
    "rom/usr/share/doc",
    "rom/etc/init.d",
    "overlay/etc/init.d",
    "overlay/docs",
  ]) {
    mkdirSync(join(place, path), { recursive: true });
  }
  writeFileSync(join(rom, "usr/share/doc/readme"), "readme");
  writeFileSync(join(rom, "etc/init.d/S96led"), "led");
  writeFileSync(join(overlay, meta), "R /usr/share/doc docs\nD usr\n?\n");
  writeFileSync(join(overlay, `etc/init.d/${meta}`), "D S96led\n");
  writeFileSync(join(overlay, "docs/large"), new Uint8Array(200_000).fill(7));
});

afterEach(() => rmSync(place, { recursive: true }));

function importAll() {
  return minifo("import", "--from", "mini_fo", "--base", rom, overlay, storage, "--json");
}

describe("import", () => {
  test("prints counts, names every line it skipped, and leaves a storage that is sound", () => {
    const { status, stdout, stderr } = importAll();
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ files: 1, renamed: 1, deleted: 2, linesSkipped: 1 });
    expect(stderr).toContain(`${meta}: line 3, "?" skipped: it begins with neither D nor R`);
    const changes = JSON.parse(minifo("status", storage, "--json").stdout) as object[];
    expect(changes).toContainEqual(
      expect.objectContaining({ path: "docs", state: "renamed", from: "usr/share/doc" }),
    );
    expect(minifo("check", storage).status).toBe(0);
  });

  test("a second time is refused, as is a storage inside of what is read", () => {
    importAll();
    const again = importAll();
    expect([again.status, again.stdout]).toEqual([1, ""]);
    expect(again.stderr).toMatch(/ENOTEMPTY.*import into a new storage/);
    storage = join(overlay, "storage");
    const inside = importAll();
    expect(inside.status).toBe(1);
    expect(inside.stderr).toMatch(/EINVAL.*which is to be read/);
    expect(existsSync(storage)).toBe(false);
  });

  test("without a base, or from what is not known, is a wrong call", () => {
    expect(minifo("import", "--from", "mini_fo", overlay, storage).status).toBe(2);
    expect(minifo("import", "--from", "zip", "--base", rom, overlay, storage).status).toBe(2);
  });
});

describe("check", () => {
  function damage(): void {
    const content = join(storage, "content");
    for (const group of readdirSync(content)) {
      for (const entry of readdirSync(join(content, group))) {
        const file = join(content, group, entry);
        if (statSync(file).size > 150_000) truncateSync(file, 0);
      }
    }
  }

  test("ends with 1 as long as something is damaged, and a repair says where it put it", () => {
    importAll();
    expect(minifo("check", storage)).toMatchObject({ status: 0, stdout: "" });
    damage();
    const found = minifo("check", storage);
    expect(found.status).toBe(1);
    expect(found.stdout).toMatch(
      /^damage {4}docs\/large: 4 of its 4 chunks have no data.*--repair sets/,
    );
    expect(found.stderr).toContain(`repair with: minifo check --repair ${storage}`);
    const repaired = minifo("check", "--repair", storage);
    expect(repaired.status).toBe(0);
    expect(repaired.stderr).toContain(join(storage, "quarantine"));
    expect(minifo("check", storage)).toMatchObject({ status: 0, stdout: "" });
  });

  test("as JSON is an object for machines", () => {
    importAll();
    damage();
    const { status, stdout } = minifo("check", storage, "--json", "--offline");
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      base: null,
      damaged: true,
      repaired: false,
      findings: [{ severity: "damage", kind: "content-missing", path: "docs/large" }],
    });
  });

  test("of a base that is gone says so and checks the rest", () => {
    importAll();
    rmSync(rom, { recursive: true });
    const { status, stderr } = minifo("check", storage);
    expect(status).toBe(0);
    expect(stderr).toMatch(/the base cannot be asked.*ENOENT/);
  });

  test("of no storage, or called wrongly, tells", () => {
    expect(minifo("check", join(place, "none"))).toMatchObject({ status: 1, stdout: "" });
    expect(minifo("check").status).toBe(2);
    expect(minifo("check", storage, "--offline", "--base", rom).status).toBe(2);
  });
});

test("help teaches with examples", () => {
  for (const command of ["check", "import"]) {
    expect(minifo("help", command).stdout).toMatch(/^Examples:$/m);
    expect(minifo("--help").stdout).toContain(`  ${command}`);
  }
});
