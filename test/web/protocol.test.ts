/** How errors and results cross between page and worker, over a real message channel. */
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { type Endpoint, expose, releaseProxy, wrap } from "comlink";
import { afterEach, expect, test } from "vitest";
import { FsError } from "../../src/errno.ts";
import { Dirent } from "../../src/fs/stats.ts";
import { catchWholeErrors, unpackError } from "../../web/caught-errors.ts";
import { pack, unpack } from "../../web/protocol.ts";
import { sendable } from "../../web/sent-values.ts";
import { packError, throwWholeErrors } from "../../web/thrown-errors.ts";

// Both sides in one realm, and twice, as where a page opens two overlays.
for (const install of [throwWholeErrors, catchWholeErrors]) {
  install();
  install();
}

const ends: (() => void)[] = [];

afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** `calls` on the other end of a channel. */
function remote<T extends object>(calls: T) {
  const { port1, port2 } = new MessageChannel();
  const endpointOf = (port: MessagePort): Endpoint => {
    port.start();
    return port as unknown as Endpoint;
  };
  expose(calls, endpointOf(port1));
  const wrapped = wrap<T>(endpointOf(port2));
  ends.push(() => {
    wrapped[releaseProxy]();
    port1.close();
    port2.close();
  });
  return wrapped;
}

/** What crosses when `error` is thrown on the other side. */
async function crossed(error: unknown): Promise<unknown> {
  const calls = remote({
    fail(): void {
      throw error;
    },
  });
  try {
    await calls.fail();
  } catch (caught) {
    return caught;
  }
  return expect.fail("the call was expected to fail");
}

test("an FsError arrives as an FsError with all it tells, its causes too", async () => {
  const cause = new FsError("EIO", {
    reason: "the server said 500",
    cause: new TypeError("no route"),
  });
  const error = new FsError("ENOSPC", {
    syscall: "rename",
    path: "/a",
    dest: "/b",
    reason: "the quota is used up",
    cause,
  });
  const arrived = (await crossed(error)) as FsError;
  expect(arrived).toBeInstanceOf(FsError);
  expect(arrived).not.toBe(error);
  expect({ ...arrived }).toEqual({ ...error });
  expect(arrived.message).toBe(error.message);
  expect(arrived.cause).toBeInstanceOf(FsError);
  expect((arrived.cause as FsError).reason).toBe("the server said 500");
  expect((arrived.cause as FsError).cause).toBeInstanceOf(TypeError);
});

test("an argument's error keeps its class and Node's code", async () => {
  const error = Object.assign(new RangeError("too large"), { code: "ERR_OUT_OF_RANGE" });
  const arrived = await crossed(error);
  expect(arrived).toBeInstanceOf(RangeError);
  expect(arrived).toMatchObject({ message: "too large", code: "ERR_OUT_OF_RANGE" });
});

test("an error of another kind keeps name, message and stack", async () => {
  const error = new DOMException("it was aborted", "AbortError");
  const arrived = await crossed(error);
  expect(arrived).toBeInstanceOf(Error);
  expect(arrived).toMatchObject({ name: "AbortError", message: "it was aborted" });
});

test("what is no error arrives as its text", async () => {
  expect(await crossed("just words")).toBe("just words");
});

test("an error that is its own cause crosses all the same", () => {
  const error = new Error("round");
  error.cause = error;
  expect(unpackError(packError(error))).toMatchObject({ message: "round" });
});

test("a returned error is no thrown one", async () => {
  const calls = remote({ give: () => ({ error: "as data" }) });
  expect(await calls.give()).toEqual({ error: "as data" });
});

test("entries of a directory get their methods back", () => {
  const entries = [new Dirent("a", "/", "directory"), new Dirent("b", "/", "symlink")];
  const [first, second] = unpack(structuredClone(pack(entries))) as Dirent[];
  expect(first).toBeInstanceOf(Dirent);
  expect(first?.isDirectory()).toBe(true);
  expect(second?.isSymbolicLink()).toBe(true);
  expect(unpack(structuredClone(pack([])))).toEqual([]);
});

test("bytes that fill their buffer are handed over, others are copied", async () => {
  const whole = new Uint8Array(1000).fill(7);
  const part = new Uint8Array(1000).fill(8).subarray(10, 20);
  const calls = remote({ whole: () => pack(whole), part: () => pack(part) });
  expect(unpack(await calls.whole())).toEqual(new Uint8Array(1000).fill(7));
  expect(whole.byteLength).toBe(0);
  expect(unpack(await calls.part())).toEqual(new Uint8Array(10).fill(8));
  expect(part.byteLength).toBe(10);
});

test("bytes that are sent are a copy, also of a Buffer, whose slice is a view", () => {
  const theirs = Buffer.alloc(8, 1);
  const [sent] = sendable([theirs]) as [Uint8Array];
  expect(sent).toEqual(new Uint8Array(8).fill(1));
  expect(sent.buffer).not.toBe(theirs.buffer);
});
