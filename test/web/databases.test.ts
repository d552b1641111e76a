/** What a worker waits for before its page may end it. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";

let databases: typeof import("../../web/databases.ts");

/** A worker's module anew, since a worker is ended once; other files' tests are not to find it ended. */
beforeEach(async () => {
  vi.resetModules();
  databases = await import("../../web/databases.ts");
});
afterEach(() => {
  vi.resetModules();
});

test("a worker may be ended once what it was opening is open or has failed, and opens nothing after that", async () => {
  let open = (_database: string): void => {};
  let fail = (_error: Error): void => {};
  const { untilClosed, whileOpening } = databases;
  const opened = whileOpening(() => new Promise<string>((resolve) => (open = resolve)));
  const failed = whileOpening(() => new Promise<string>((_, reject) => (fail = reject)));
  let mayEnd = false;
  const ending = untilClosed(true).then(() => {
    mayEnd = true;
  });
  let asked = 0;
  const late = whileOpening(async () => {
    asked += 1;
  });
  await expect(late).rejects.toThrow(/about to end/);
  expect(asked).toBe(0);
  open("database");
  expect(await opened).toBe("database");
  await new Promise((resolve) => setTimeout(resolve));
  expect(mayEnd).toBe(false);
  fail(new Error("no"));
  await expect(failed).rejects.toThrow("no");
  await ending;
});

test("an opening that another tab stands in the way of holds the end of a worker up for seconds at most", async ({
  onTestFinished,
}) => {
  const { untilClosed, whileOpening } = databases;
  vi.useFakeTimers();
  onTestFinished(() => {
    vi.useRealTimers();
  });
  whileOpening(() => new Promise(() => {})).catch(() => {});
  let mayEnd = false;
  const ending = untilClosed(true).then(() => {
    mayEnd = true;
  });
  await vi.advanceTimersByTimeAsync(4999);
  expect(mayEnd).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  await ending;
});

test("a page that leaves its own worker is answered once that may be ended", async () => {
  const { Visitor } = await import("../../web/visitor.ts");
  const noHost = () => {
    throw new Error("the page never attached");
  };
  let open = (): void => {};
  const opened = databases.whileOpening(() => new Promise<void>((resolve) => (open = resolve)));
  let hasLeft = false;
  const leaving = new Visitor("host", noHost, true).leave().then(() => {
    hasLeft = true;
  });
  await new Promise((resolve) => setTimeout(resolve));
  expect(hasLeft).toBe(false);
  open();
  await opened;
  await leaving;
});
