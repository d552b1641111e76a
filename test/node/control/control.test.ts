/** STORAGE/control: calls reach the owner, errors keep what they tell, and a dead owner's socket is in nobody's way. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { callOwner } from "../../../node/control/client.ts";
import { listenForCalls } from "../../../node/control/server.ts";
import { longestCall } from "../../../node/control/socket.ts";
import { FsError } from "../../../src/index.ts";

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "minifo-control-"));
  onTestFinished(() => rmSync(directory, { recursive: true, maxRetries: 10 }));
  return directory;
}

async function owner(storage: string, call: (method: string, params: unknown) => Promise<unknown>) {
  const server = await listenForCalls(storage, call);
  onTestFinished(() => server.close());
  return server;
}

test("a call gets what the method gives", async () => {
  const storage = scratch();
  await owner(storage, async (method, params) => ({ method, params }));
  expect(await callOwner(storage, "status", { paths: ["ä\n"] })).toEqual({
    result: { method: "status", params: { paths: ["ä\n"] } },
  });
});

test("an error keeps its code, path and reason", async () => {
  const storage = scratch();
  await owner(storage, async () => {
    throw new FsError("EEXIST", { syscall: "revert", path: "a", dest: "b", reason: "b is new" });
  });
  await expect(callOwner(storage, "revert")).rejects.toMatchObject({
    message: "EEXIST: file already exists, revert 'a' -> 'b': b is new",
    code: "EEXIST",
    errno: -17,
    dest: "b",
  });
});

test("a storage nobody owns answers nothing", async () => {
  const storage = scratch();
  expect(await callOwner(storage, "status")).toBeUndefined();
  expect(await callOwner(join(storage, "none"), "status")).toBeUndefined();
});

test("the socket of an owner that died is replaced", async () => {
  const storage = scratch();
  const script = `require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", script, join(storage, "control")]);
  expect(statSync(join(storage, "control")).isSocket()).toBe(true);
  expect(await callOwner(storage, "status")).toBeUndefined();
  await owner(storage, async () => "new");
  expect(await callOwner(storage, "status")).toEqual({ result: "new" });
});

test("a caller hears of an owner that ends before it answers", async () => {
  const storage = scratch();
  let asked = (): void => {};
  const wasAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const server = await listenForCalls(storage, () => {
    asked();
    return new Promise(() => {});
  });
  const answer = callOwner(storage, "status");
  await wasAsked;
  await server.close();
  await expect(answer).rejects.toMatchObject({ code: "EIO", path: storage });
});

test("nonsense gets an error and the next call an answer", async () => {
  const storage = scratch();
  await owner(storage, async () => "fine");
  const socket = connect(join(storage, "control"));
  socket.write('nonsense\n{"id":7}\n{"id":8,"method":"x"}\n');
  let text = "";
  for await (const part of socket) {
    text += String(part);
    if (text.split("\n").length > 3) break;
  }
  const answers = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(answers).toMatchObject([
    { id: 0, error: {} },
    { id: 7, error: {} },
    { id: 8, result: "fine" },
  ]);
});

test("the socket is for its owner alone, and gone when it closes", async () => {
  const storage = join(scratch());
  const server = await listenForCalls(storage, async () => null);
  expect(statSync(join(storage, "control")).mode & 0o777).toBe(0o600);
  await server.close();
  writeFileSync(join(storage, "control"), "", { flag: "wx" });
});

test("a call that never ends is cut off with an answer that says so, and others are served", async () => {
  const storage = scratch();
  await owner(storage, async () => "answered");
  const socket = connect(join(storage, "control"));
  onTestFinished(() => {
    socket.destroy();
  });
  const told = new Promise<string>((resolve, reject) => {
    socket.on("data", (bytes) => resolve(String(bytes))).on("error", reject);
  });
  const piece = "x".repeat(1 << 20);
  for (let length = 0; length <= longestCall; length += piece.length) socket.write(piece);
  expect(await told).toMatch(/at most \d+ characters/);
  expect(await callOwner(storage, "status")).toEqual({ result: "answered" });
});
