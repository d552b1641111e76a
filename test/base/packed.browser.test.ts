/** A packed image in a browser: its index in leaves, contents in a pack and in chunks, inflated by the browser. */
import { expect, test } from "vitest";
import { httpFetcher, openManifestBase, run } from "../../src/index.ts";

const url = new URL("/bases/packed/", location.href).href;

test("a packed image is listed and read, verified and inflated", async () => {
  const base = await run(openManifestBase({ url, fetcher: httpFetcher() }));
  const read = async (path: string): Promise<string> => {
    const node = await run(base.lookup(path));
    if (!node) throw new Error(`'${path}' is missing`);
    const into = new Uint8Array(node.size);
    expect(await run(base.read(node, 0, into))).toBe(node.size);
    return new TextDecoder().decode(into);
  };
  expect((await run(base.list("d"))).length).toBe(5002);
  expect(await read("d/one")).toBe("the first of a pack\n".repeat(50));
  expect(await read("d/two")).toBe("the second\n");
  expect(await read("large")).toBe("0123456789abcdef".repeat(100_000));
  expect(await run(base.lookup("d/three"))).toBeNull();
  await run(base.close());
});
