/**
 * A real documentation tree, packed and served by nginx from another origin, opened in a page: it has every name, and the
 * contents that the original has. MINIFO_SITE names another of Debian's packages, such as rust-doc, whose files are all read.
 */
import { expect, test } from "vitest";
import { openOverlay, type PageOverlay } from "../../web/index.ts";
import type { RealImage } from "../rig/real-image.ts";
import { unusedStorage } from "./opened.ts";

/** Files that are read of a site of some thousand. */
const sample = 200;

const answer = await fetch("/real-image");
if (!answer.ok) throw new Error(`the real image could not be made: ${await answer.text()}`);
const told: RealImage | { readonly missing: string } = await answer.json();
const missing = "missing" in told ? ` (skipped: ${told.missing})` : "";

async function countBelow(overlay: PageOverlay, path: string): Promise<number> {
  let count = 0;
  const directories = [path];
  for (let at = directories.pop(); at !== undefined; at = directories.pop()) {
    for (const { name, stats } of await overlay.list(at)) {
      count += 1;
      if (stats.isDirectory()) directories.push(`${at === "/" ? "" : at}/${name}`);
    }
  }
  return count;
}

async function hexDigest(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(bytes));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

test.skipIf("missing" in told)(
  `a real site, packed, behind nginx, has every name and content in a page${missing}`,
  async () => {
    if ("missing" in told) return;
    const { name, url, entries, files } = told;
    const overlay = await openOverlay({ base: url, storage: unusedStorage() });
    expect(await countBelow(overlay, "/")).toBe(entries);
    const step = name === "python3.11-doc" ? Math.ceil(files.length / sample) : 1;
    const chosen = files.filter((_, at) => at % step === 0);
    for (let at = 0; at < chosen.length; at += 50) {
      const some = chosen.slice(at, at + 50);
      const contents = await overlay.readMany(some.map(([path]) => `/${path}`));
      const digests = await Promise.all(contents.map(hexDigest));
      expect(digests).toEqual(some.map(([, sha256]) => sha256));
    }
    console.log(`real image: ${name}, ${entries} entries found, ${chosen.length} files read`);
    expect(await overlay.status()).toEqual([]);
    await overlay.close();
  },
  3_600_000,
);
