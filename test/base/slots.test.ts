/** Who goes first when requests must wait, seen on the fetcher itself. */
import { expect, test } from "vitest";
import { httpFetcher } from "../../src/index.ts";

/** A fetcher that may have `maxInFlight` requests in flight, and a transport that answers when it is told. */
function heldFetcher(maxInFlight: number) {
  const sent: string[] = [];
  const answers = new Map<string, () => void>();
  const fetcher = httpFetcher({
    maxInFlight,
    transport: (url) => {
      const name = url.slice("http://h/".length);
      sent.push(name);
      return new Promise((resolve) => {
        answers.set(name, () => resolve(new Response(name) as never));
      });
    },
  });
  const get = (name: string, ahead = false) =>
    Promise.resolve(fetcher.get({ url: `http://h/${name}`, maxBytes: 100, ahead }));
  const answer = async (name: string): Promise<void> => {
    await expect.poll(() => answers.has(name)).toBe(true);
    answers.get(name)?.();
  };
  return { sent, get, answer, fetcher };
}

test("what nobody waits for takes half of the slots at most", async () => {
  const { sent, get, answer } = heldFetcher(6);
  const all = ["a", "b", "c", "d"].map((name) => get(name, true));
  await expect.poll(() => sent).toEqual(["a", "b", "c"]);
  await answer("b");
  await expect.poll(() => sent).toEqual(["a", "b", "c", "d"]);
  for (const name of ["a", "c", "d"]) await answer(name);
  await Promise.all(all);
});

test("who waits goes before what nobody waits for, whenever it was asked for", async () => {
  const { sent, get, answer } = heldFetcher(2);
  const all = [get("one"), get("two"), get("ahead", true), get("three"), get("four")];
  await expect.poll(() => sent).toEqual(["one", "two"]);
  await answer("one");
  await expect.poll(() => sent.at(-1)).toBe("three");
  await answer("two");
  await expect.poll(() => sent.at(-1)).toBe("four");
  await answer("three");
  await expect.poll(() => sent.at(-1)).toBe("ahead");
  for (const name of ["four", "ahead"]) await answer(name);
  await Promise.all(all);
});

test("what was fetched ahead is waited for once somebody needs it, and is fetched once", async () => {
  const { sent, get, answer } = heldFetcher(2);
  const all = [get("one"), get("two"), get("ahead", true), get("three"), get("ahead")];
  await answer("one");
  await expect.poll(() => sent.at(-1)).toBe("ahead");
  await answer("two");
  for (const name of ["ahead", "three"]) await answer(name);
  const got = await Promise.all(all);
  expect(got[4]).toBe(got[2]);
  expect(sent.filter((name) => name === "ahead").length).toBe(1);
});

test("a slot lent to what nobody waited for counts as a user's once somebody does", async () => {
  const { sent, get, answer } = heldFetcher(4);
  const all = [get("a", true), get("b", true), get("c", true)];
  await expect.poll(() => sent).toEqual(["a", "b"]);
  all.push(get("a"));
  await expect.poll(() => sent).toEqual(["a", "b", "c"]);
  for (const name of sent) await answer(name);
  await Promise.all(all);
});

test("closing ends what waits and what is ahead", async () => {
  const { sent, get, fetcher } = heldFetcher(1);
  const all = [get("one"), get("two"), get("three", true)];
  await expect.poll(() => sent).toEqual(["one"]);
  fetcher.close();
  for (const one of all.slice(1)) await expect(one).rejects.toMatchObject({ code: "ECANCELED" });
  expect(sent).toEqual(["one"]);
});
