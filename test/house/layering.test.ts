/**
 * The lint rules that keep the house in order are themselves put to the test: violations are planted in an empty copy of
 * the house, and have to be refused there.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

const refused: [folder: string, imported: string, rule: string][] = [
  ["src/fs", "../../node/index.ts", "noRestrictedImports"],
  ["src/fs", "idb", "noRestrictedImports"],
  ["src/fs", "node:fs", "noNodejsModules"],
  ["src/overlay", "../fs/promises.ts", "noRestrictedImports"],
  ["src/overlay", "../index.ts", "noRestrictedImports"],
  ["src/overlay", "idb", "noRestrictedImports"],
  ["src/overlay", "htmlparser2", "noRestrictedImports"],
  ["src/overlay", "node:fs", "noNodejsModules"],
  ["src/storage", "../overlay/overlay.ts", "noRestrictedImports"],
  ["src/storage", "../base/base.ts", "noRestrictedImports"],
  ["src/base", "../storage/storage.ts", "noRestrictedImports"],
  ["src/base", "../../test/overlay/fixture.ts", "noRestrictedImports"],
  ["web", "../node/index.ts", "noRestrictedImports"],
  ["web", "../src/overlay/overlay.ts", "noRestrictedImports"],
  ["web", "node:fs", "noNodejsModules"],
  ["node", "../web/index.ts", "noRestrictedImports"],
  ["node/cli", "../../src/overlay/overlay.ts", "noRestrictedImports"],
  ["src/errno.ts", "./storage/storage.ts", "noRestrictedImports"],
  ["src/operation.ts", "./base/base.ts", "noRestrictedImports"],
  ["src/attributes.ts", "./overlay/overlay.ts", "noRestrictedImports"],
  ["demo", "../node/index.ts", "noRestrictedImports"],
  ["demo", "../src/index.ts", "noRestrictedImports"],
  ["demo", "node:fs", "noNodejsModules"],
];

const allowed: [folder: string, imported: string][] = [
  ["src/fs", "../overlay/overlay.ts"],
  ["src/overlay", "../storage/storage.ts"],
  ["src/overlay", "@noble/hashes/sha2.js"],
  ["src/storage", "../errno.ts"],
  ["src/base", "htmlparser2"],
  ["web", "../src/index.ts"],
  ["web", "idb"],
  ["demo", "../web/index.ts"],
  ["demo", "codemirror"],
  ["node/cli", "../../src/index.ts"],
  ["node/cli", "node:fs"],
];

let house: string;
/** The rules that refuse each planted file. */
const rules = new Map<string, Set<string>>();

/** A folder may be a file, for rules of that alone. */
const placeOf = (folder: string, imported: string) =>
  folder.endsWith(".ts") ? folder : `${folder}/${imported.replace(/[^a-z0-9]+/g, "-")}.ts`;

beforeAll(() => {
  house = mkdtempSync(join(tmpdir(), "minifo-house-"));
  copyFileSync(join(root, "biome.json"), join(house, "biome.json"));
  for (const [folder, imported] of [...refused, ...allowed]) {
    const place = join(house, placeOf(folder, imported));
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(
      place,
      `import { planted } from "${imported}";\n\nexport const used = planted;\n`,
    );
  }
  const biome = join(root, "node_modules/.bin/biome");
  const { stdout } = spawnSync(biome, ["lint", "--reporter=json", "--max-diagnostics=none"], {
    cwd: house,
    encoding: "utf8",
  });
  const { diagnostics } = JSON.parse(stdout) as {
    diagnostics: { category: string; location: { path: string } }[];
  };
  for (const { category, location } of diagnostics) {
    const found = rules.get(location.path) ?? new Set();
    rules.set(location.path, found.add(category.slice(category.lastIndexOf("/") + 1)));
  }
});

afterAll(() => rmSync(house, { recursive: true }));

describe("a wrong arrow is refused", () => {
  test.each(refused)("from %s to %s", (folder, imported, rule) => {
    expect([...(rules.get(placeOf(folder, imported)) ?? [])]).toContain(rule);
  });
});

describe("a right arrow is not", () => {
  test.each(allowed)("from %s to %s", (folder, imported) => {
    expect(rules.get(placeOf(folder, imported))).toBeUndefined();
  });
});
