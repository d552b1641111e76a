import { expect, test } from "vitest";
import { httpFetcher } from "../../src/index.ts";

// The test server gives the project's files as they are, ranges too.
const url = new URL("/LICENSE", location.href).href;

test("a fetcher gets a whole object, and a range of it, and verifies both", async () => {
  const fetcher = httpFetcher();
  const { bytes, sha256 } = await fetcher.get({ url, maxBytes: 100_000, fresh: true });
  expect(new TextDecoder().decode(bytes)).toContain("MIT");
  const again = await fetcher.get({ url, sha256, maxBytes: bytes.length });
  expect(again.bytes).toEqual(bytes);
  const part = await fetcher.get({
    url,
    range: { offset: 10, length: 20, size: bytes.length },
    maxBytes: bytes.length,
  });
  expect(part.bytes).toEqual(bytes.slice(10, 30));
  await expect(
    fetcher.get({ url, sha256: "0".repeat(64), maxBytes: bytes.length }),
  ).rejects.toMatchObject({ code: "EIO" });
  await expect(fetcher.get({ url, maxBytes: 10 })).rejects.toMatchObject({ code: "EIO" });
});

test("a closed fetcher cancels what is under way", async () => {
  const fetcher = httpFetcher();
  const getting = fetcher.get({ url: `${url}?late`, maxBytes: 100_000, fresh: true });
  fetcher.close();
  await expect(getting).rejects.toMatchObject({ code: "ECANCELED" });
});
