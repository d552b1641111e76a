/** The log of requests: one line each, with names where they are known. */
import { expect, test } from "vitest";
import { Message, opcodes } from "../../../node/fuse/protocol/wire.ts";
import { RequestLog } from "../../../node/fuse/request-log.ts";
import { Session } from "../../../node/fuse/session.ts";
import { Bytes, requestOf } from "./kernel-side.ts";
import { Kernel } from "./session-fixture.ts";

test("each request is a line with what it is about, what came of it and how long it took", async () => {
  const { adapter } = await Kernel.over({ "d/a\u001b[2J": "A" });
  const lines: string[] = [];
  const log = new RequestLog((line) => lines.push(line));
  const sent: number[] = [];
  const session = new Session({
    adapter,
    validity: { entry: 1, attributes: 1, negative: 0 },
    dataMayChange: false,
    ownValidity: { entry: 1, attributes: 1, negative: 1 },
    noOpen: false,
    writeback: false,
    send: log.heard((reply) => sent.push(Number(reply.view.getBigUint64(16, true)))),
    complain: () => {},
  });
  const heard = log.over(session);
  let unique = 0;
  const ask = (opcode: number, nodeid: number, body: Bytes): number => {
    unique += 2;
    heard.receive(requestOf({ opcode, nodeid, unique, body }));
    return sent.at(-1) ?? 0;
  };
  const directory = ask(opcodes.lookup, 1, new Bytes().name("d"));
  const file = ask(opcodes.lookup, directory, new Bytes().name("a\u001b[2J"));
  ask(opcodes.lookup, directory, new Bytes().name("none"));
  ask(opcodes.rename, 1, new Bytes().u64(1).name("d").name("e"));
  ask(opcodes.readlink, file, new Bytes());
  ask(5000, file, new Bytes());
  const told = lines.map((line) =>
    line.replace(/^\d\d:\d\d:\d\d\.\d{3} {2}/, "").replace(/\d+ µs/, "N µs"),
  );
  expect(told).toEqual([
    "lookup      d  ok  N µs  by 4242",
    'lookup      "d/a\\u001b[2J"  ok  N µs  by 4242',
    "lookup      d/none  ENOENT  N µs  by 4242",
    "rename      d => e  ok  N µs  by 4242",
    'readlink    "e/a\\u001b[2J"  EINVAL  N µs  by 4242',
    "refused     opcode 5000  ENOSYS  by 4242",
  ]);
});

test("paths are remembered of the nodes met last only, so that the log takes no more memory by the day", () => {
  const lines: string[] = [];
  const log = new RequestLog((line) => lines.push(line));
  let made = 1;
  const reply = log.heard(() => {});
  const heard = log.over({ receive: () => true });
  const message = Message.withRoom(200);
  const ask = (opcode: number, nodeid: number, name: string): void => {
    heard.receive(requestOf({ opcode, nodeid, unique: 2, body: new Bytes().name(name) }));
    message.view.setUint32(4, 0, true);
    message.view.setBigUint64(8, 2n, true);
    message.view.setBigUint64(16, BigInt(made), true);
    reply(message, 144);
  };
  for (let i = 0; i < 20_001; i += 1) {
    made += 1;
    ask(opcodes.lookup, 1, "directory");
  }
  lines.length = 0;
  ask(opcodes.lookup, 2, "a");
  ask(opcodes.lookup, 20_000, "a");
  ask(opcodes.lookup, 1, "a");
  expect(lines.map((line) => / {2}lookup +(\S+)/.exec(line)?.[1])).toEqual([
    "#2/a",
    "directory/a",
    "a",
  ]);
});
