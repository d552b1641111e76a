/** The drivers that a page loads on demand, in real engines: their modules, and what the engines inflate. */
import { expect, onTestFinished, test } from "vitest";
import { type Base, httpFetcher, lazySiteDrivers, openSite, run } from "../../src/index.ts";

async function openAt(path: string): Promise<Base> {
  const url = new URL(path, location.href).href;
  const fetcher = httpFetcher();
  onTestFinished(() => fetcher.close());
  return await run(openSite({ url, fetcher, drivers: lazySiteDrivers }));
}

async function contentOf(base: Base, path: string): Promise<string> {
  const node = await run(base.lookup(path));
  if (!node) throw new Error(`'${path}' is not there`);
  const into = new Uint8Array(node.size);
  const length = await run(base.read(node, 0, into));
  return new TextDecoder().decode(into.subarray(0, length));
}

test("a page reads a zip by its URL, its members inflated and checked", async () => {
  const base = await openAt("/bases/listed/t.zip");
  expect(await contentOf(base, "d/deflated")).toBe("text ".repeat(1000));
  expect(await contentOf(base, "stored")).toBe("as it is");
});

test("a page reads a directory by its server's listing", async () => {
  const base = await openAt("/bases/listed/");
  const names = (await run(base.list(""))).map(({ name }) => name);
  expect(names.sort()).toEqual(["f#", "t.zip"]);
  expect(await contentOf(base, "f#")).toBe("of the listing");
});

test("a page still reads a site with a manifest as that", async () => {
  const base = await openAt("/bases/site/");
  expect(base.capabilities.integrity).toBe("sha256");
});
