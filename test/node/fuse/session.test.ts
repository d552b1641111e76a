/** One conversation: every request is answered once, in any order, and what the kernel holds is counted. */
import { describe, expect, test } from "vitest";
import { opcodes } from "../../../node/fuse/protocol/wire.ts";
import { Deferred, FsError, run } from "../../../src/index.ts";
import { Fixture } from "../../overlay/fixture.ts";
import { attributesIn, Bytes, direntsIn, entryIn, requestOf } from "./kernel-side.ts";
import { Kernel } from "./session-fixture.ts";

const tree = { "a.txt": "alpha", "d/b.txt": "beta", "d/c.txt": "gamma" };
const enoent = -2;
const eintr = -4;
const eio = -5;

const name = (text: string) => new Bytes().name(text);
const open = (flags = 0) => new Bytes().u32(flags, 0);
const read = (fh: number, offset: number, size: number) =>
  new Bytes().u64(fh, offset).u32(size, 0).u64(0).u32(0, 0);
const write = (fh: number, offset: number, data: string) =>
  new Bytes().u64(fh, offset).u32(data.length, 0).u64(0).u32(0, 0).raw(Buffer.from(data));

function lookup(kernel: Kernel, parent: number, text: string) {
  return entryIn(kernel.ask(opcodes.lookup, parent, name(text)).body);
}

function opened(kernel: Kernel, nodeid: number, flags = 0): number {
  return Number(kernel.ask(opcodes.open, nodeid, open(flags)).body.readBigUInt64LE(0));
}

describe("names", () => {
  test("a name found gets a nodeid of the mount, and the same name the same one", async () => {
    const kernel = await Kernel.over(tree);
    const found = lookup(kernel, 1, "a.txt");
    expect(found).toMatchObject({
      nodeid: 2,
      size: 5,
      mode: 0o100644,
      entryValid: 60,
      attrValid: 30,
    });
    expect(found.ino).toBeGreaterThanOrEqual(2 ** 52);
    expect(lookup(kernel, 1, "a.txt").nodeid).toBe(2);
  });

  test("an absent name may be believed for a while", async () => {
    const kernel = await Kernel.over(tree);
    const reply = kernel.ask(opcodes.lookup, 1, name("none"));
    expect(reply.error).toBe(0);
    expect(entryIn(reply.body)).toMatchObject({ nodeid: 0, entryValid: 10 });
  });

  test("a node forgotten as often as it was looked up is gone, and not before", async () => {
    const kernel = await Kernel.over(tree);
    lookup(kernel, 1, "a.txt");
    lookup(kernel, 1, "a.txt");
    kernel.send(opcodes.forget, 2, new Bytes().u64(1));
    expect(kernel.ask(opcodes.getattr, 2, new Bytes().u32(0, 0).u64(0)).error).toBe(0);
    kernel.send(opcodes.forget, 2, new Bytes().u64(1));
    expect(kernel.ask(opcodes.getattr, 2, new Bytes().u32(0, 0).u64(0)).error).toBe(-116);
    expect(lookup(kernel, 1, "a.txt").nodeid).toBe(3);
  });

  test("FORGET, BATCH_FORGET and INTERRUPT get no reply, wrong ones neither", async () => {
    const kernel = await Kernel.over(tree);
    kernel.send(opcodes.forget, 99, new Bytes().u64(5));
    kernel.send(opcodes.forget, 1, new Bytes().u64(5));
    kernel.send(opcodes.batchForget, 0, new Bytes().u32(3, 0));
    kernel.send(opcodes.interrupt, 0, new Bytes().u64(12345));
    expect(kernel.replies).toEqual([]);
    expect(lookup(kernel, 1, "d").nodeid).toBe(2);
  });

  test("a link is one node under two names", async () => {
    const kernel = await Kernel.over(tree);
    const { nodeid } = lookup(kernel, 1, "a.txt");
    const made = entryIn(kernel.ask(opcodes.link, 1, new Bytes().u64(nodeid).name("hard")).body);
    expect(made).toMatchObject({ nodeid, nlink: 2 });
  });

  test("CREATE opens what exists already, unless it must not exist", async () => {
    const kernel = await Kernel.over(tree);
    const create = (flags: number) => new Bytes().u32(flags, 0o100644, 0, 0).name("a.txt");
    const reply = kernel.ask(opcodes.create, 1, create(2));
    expect(entryIn(reply.body).size).toBe(5);
    expect(reply.body.length).toBe(128 + 16);
    expect(kernel.ask(opcodes.create, 1, create(2 | 0o200)).error).toBe(-17);
  });

  test("TMPFILE opens a file without a name, to which LINK gives one", async () => {
    const kernel = await Kernel.over(tree);
    const asked = new Bytes().u32(2 | 0o20200000, 0o100640, 0, 0).name("/");
    const { body } = kernel.ask(opcodes.tmpfile, 1, asked);
    expect(body.length).toBe(128 + 16);
    const { nodeid, nlink, mode } = entryIn(body);
    expect([nlink, mode]).toEqual([0, 0o100640]);
    const fh = Number(body.readBigUInt64LE(128));
    expect(kernel.ask(opcodes.write, nodeid, write(fh, 0, "late")).error).toBe(0);
    const made = entryIn(kernel.ask(opcodes.link, 1, new Bytes().u64(nodeid).name("named")).body);
    expect(made).toMatchObject({ nodeid, nlink: 1, size: 4 });
    expect(lookup(kernel, 1, "named").nodeid).toBe(nodeid);
  });
});

describe("data", () => {
  test("what is written is read, and shows in the attributes", async () => {
    const kernel = await Kernel.over(tree);
    const { nodeid } = lookup(kernel, 1, "a.txt");
    const fh = opened(kernel, nodeid, 2);
    expect(kernel.ask(opcodes.write, nodeid, write(fh, 3, "XYZ")).body.readUInt32LE(0)).toBe(3);
    expect(kernel.ask(opcodes.read, nodeid, read(fh, 0, 4096)).body.toString()).toBe("alpXYZ");
    const reply = kernel.ask(opcodes.getattr, nodeid, new Bytes().u32(0, 0).u64(0));
    expect(attributesIn(reply.body, 16)).toMatchObject({ size: 6 });
  });

  test("O_TRUNC comes with OPEN", async () => {
    const kernel = await Kernel.over(tree);
    const { nodeid } = lookup(kernel, 1, "a.txt");
    opened(kernel, nodeid, 1 | 0o1000);
    expect(lookup(kernel, 1, "a.txt").size).toBe(0);
  });

  test("setuid and setgid go with a write that may not keep them, and with a change of owners", async () => {
    const kernel = await Kernel.over({ tool: { content: "x", mode: 0o6755 } });
    const found = lookup(kernel, 1, "tool");
    expect(found).toMatchObject({ mode: 0o106755, attrValid: 0 });
    const fh = opened(kernel, found.nodeid, 2);
    const privileged = write(fh, 0, "y");
    const unprivileged = new Bytes().u64(fh, 0).u32(1, 4).u64(0).u32(0, 0).raw(Buffer.from("z"));
    kernel.ask(opcodes.write, found.nodeid, privileged);
    expect(lookup(kernel, 1, "tool").mode).toBe(0o106755);
    kernel.ask(opcodes.write, found.nodeid, unprivileged);
    expect(lookup(kernel, 1, "tool")).toMatchObject({ mode: 0o100755, attrValid: 30 });
    const setattr = (valid: number, mode: number, uid: number) =>
      new Bytes().u32(valid, 0).u64(0, 0, 0, 0, 0, 0).u32(0, 0, 0, mode, 0, uid, 0, 0);
    kernel.ask(opcodes.setattr, found.nodeid, setattr(1, 0o6745, 0));
    kernel.ask(opcodes.setattr, found.nodeid, setattr(2, 0, 7));
    // Without execution for the group, setgid means something else and stays.
    expect(lookup(kernel, 1, "tool").mode).toBe(0o102745);
  });

  test("a handle that was released is EBADF", async () => {
    const kernel = await Kernel.over(tree);
    const { nodeid } = lookup(kernel, 1, "a.txt");
    const fh = opened(kernel, nodeid);
    kernel.ask(opcodes.release, nodeid, new Bytes().u64(fh).u32(0, 0).u64(0));
    expect(kernel.ask(opcodes.read, nodeid, read(fh, 0, 10)).error).toBe(-9);
  });
});

describe("waiting", () => {
  /** A kernel whose next read of base data waits, and what ends that. */
  async function withSlowRead() {
    const kernel = await Kernel.over(tree);
    const { nodeid } = lookup(kernel, 1, "a.txt");
    const fh = opened(kernel, nodeid, 2);
    const arrival = new Deferred<void>();
    kernel.base.before = (question) => (question === "read" ? arrival : undefined);
    return { kernel, nodeid, fh, arrival };
  }

  test("a request that waits holds up no other, and is answered when it can be", async () => {
    const { kernel, nodeid, fh, arrival } = await withSlowRead();
    const waiting = kernel.send(opcodes.read, nodeid, read(fh, 0, 10));
    expect(kernel.replyTo(waiting)).toBeUndefined();
    expect(lookup(kernel, 1, "d").mode).toBe(0o040755);
    expect(kernel.session.waiting).toBe(1);
    arrival.resolve();
    expect(kernel.replyTo(waiting)?.body.toString()).toBe("alpha");
    expect(kernel.session.waiting).toBe(0);
  });

  test("what fails while it waits is told with its errno", async () => {
    const { kernel, nodeid, fh, arrival } = await withSlowRead();
    const waiting = kernel.send(opcodes.read, nodeid, read(fh, 0, 10));
    arrival.reject(new FsError("EIO"));
    expect(kernel.replyTo(waiting)?.error).toBe(eio);
  });

  test("a write that waits keeps its message, so that its data stays as it was", async () => {
    const { kernel, nodeid, fh, arrival } = await withSlowRead();
    const message = requestOf({
      opcode: opcodes.write,
      nodeid,
      unique: 900,
      body: write(fh, 1, "XY"),
    });
    expect(kernel.session.receive(message)).toBe(false);
    arrival.resolve();
    expect(kernel.replyTo(900)?.error).toBe(0);
    kernel.base.before = undefined;
    expect(kernel.ask(opcodes.read, nodeid, read(fh, 0, 10)).body.toString()).toBe("aXYha");
  });

  test("an interrupted read is let go at once, and answered only once", async () => {
    const { kernel, nodeid, fh, arrival } = await withSlowRead();
    const waiting = kernel.send(opcodes.read, nodeid, read(fh, 0, 10));
    kernel.send(opcodes.interrupt, 0, new Bytes().u64(waiting));
    expect(kernel.replyTo(waiting)?.error).toBe(eintr);
    arrival.resolve();
    expect(kernel.replyTo(waiting)?.error).toBe(eintr);
  });

  test("an interrupted change is not let go, for it will happen", async () => {
    const { kernel, nodeid, fh, arrival } = await withSlowRead();
    const waiting = kernel.send(opcodes.write, nodeid, write(fh, 1, "XY"));
    kernel.send(opcodes.interrupt, 0, new Bytes().u64(waiting));
    expect(kernel.replyTo(waiting)).toBeUndefined();
    arrival.resolve();
    expect(kernel.replyTo(waiting)?.error).toBe(0);
  });

  test("a lookup whose caller left holds nothing", async () => {
    const kernel = await Kernel.over(tree);
    const arrival = new Deferred<void>();
    kernel.base.before = () => arrival;
    const waiting = kernel.send(opcodes.lookup, 1, name("a.txt"));
    kernel.send(opcodes.interrupt, 0, new Bytes().u64(waiting));
    arrival.resolve();
    expect(kernel.replyTo(waiting)?.error).toBe(eintr);
    const inode = await run(kernel.overlay.lookup(kernel.overlay.root, "a.txt"));
    expect(inode.lookups).toBe(0);
  });
});

describe("directories", () => {
  const readdir = (fh: number, offset: number, size: number) => read(fh, offset, size);

  function list(kernel: Kernel, opcode: number, fh: number, size: number): string[] {
    const names: string[] = [];
    for (let offset = 0; ; ) {
      const { body, error } = kernel.ask(opcode, 1, readdir(fh, offset, size));
      expect(error).toBe(0);
      const entries = direntsIn(body, opcode === opcodes.readdirplus);
      if (entries.length === 0) return names;
      for (const entry of entries) {
        names.push(entry.name);
        offset = entry.next;
      }
    }
  }

  test.each([
    ["READDIR", opcodes.readdir, 80],
    ["READDIRPLUS", opcodes.readdirplus, 330],
  ])("%s in small pieces gives every name once", async (_, opcode, size) => {
    const kernel = await Kernel.over({ one: "", two: "", three: "", four: "", five: "" });
    const fh = Number(kernel.ask(opcodes.opendir, 1, open(0o200000)).body.readBigUInt64LE(0));
    expect(list(kernel, opcode, fh, size).sort()).toEqual(
      [".", "..", "five", "four", "one", "three", "two"].sort(),
    );
  });

  test("removing while listing finishes in one pass", async () => {
    const kernel = await Kernel.over({ one: "", two: "", three: "", four: "" });
    const fh = Number(kernel.ask(opcodes.opendir, 1, open(0o200000)).body.readBigUInt64LE(0));
    const names: string[] = [];
    for (let offset = 0; ; ) {
      const [entry] = direntsIn(
        kernel.ask(opcodes.readdir, 1, readdir(fh, offset, 40)).body,
        false,
      );
      if (!entry) break;
      offset = entry.next;
      if (entry.name.startsWith(".")) continue;
      names.push(entry.name);
      expect(kernel.ask(opcodes.unlink, 1, name(entry.name)).error).toBe(0);
    }
    expect(names.sort()).toEqual(["four", "one", "three", "two"]);
  });

  test("rewinding lists what is there then", async () => {
    const kernel = await Kernel.over({ one: "" });
    const fh = Number(kernel.ask(opcodes.opendir, 1, open(0o200000)).body.readBigUInt64LE(0));
    list(kernel, opcodes.readdir, fh, 4096);
    kernel.ask(opcodes.mknod, 1, new Bytes().u32(0o100644, 0, 0, 0).name("new"));
    expect(list(kernel, opcodes.readdir, fh, 4096).sort()).toEqual([".", "..", "new", "one"]);
  });

  test("READDIRPLUS takes a lookup of every entry but the dots", async () => {
    const kernel = await Kernel.over(tree);
    const fh = Number(kernel.ask(opcodes.opendir, 1, open(0o200000)).body.readBigUInt64LE(0));
    const { body } = kernel.ask(opcodes.readdirplus, 1, readdir(fh, 0, 4096));
    const entries = direntsIn(body, true);
    expect(entries.map((entry) => [entry.name, entry.nodeid > 0])).toEqual([
      [".", false],
      ["..", false],
      ["a.txt", true],
      ["d", true],
    ]);
    expect(lookup(kernel, 1, "d").nodeid).toBe(entries[3]?.nodeid);
  });

  test("the dots have the numbers of the directory and of the one above", async () => {
    const kernel = await Kernel.over(tree);
    const { nodeid, ino } = lookup(kernel, 1, "d");
    const fh = Number(kernel.ask(opcodes.opendir, nodeid, open(0o200000)).body.readBigUInt64LE(0));
    const { body } = kernel.ask(opcodes.readdir, nodeid, readdir(fh, 0, 4096));
    expect(
      direntsIn(body, false)
        .slice(0, 2)
        .map((entry) => entry.ino),
    ).toEqual([ino, 1]);
  });
});

describe("defects", () => {
  test("a handler that throws what is no FsError answers EIO and tells of it", async () => {
    const kernel = await Kernel.over(tree);
    kernel.base.before = () => {
      throw new TypeError("planted");
    };
    expect(kernel.ask(opcodes.lookup, 1, name("d")).error).toBe(eio);
    expect(kernel.complaints).toEqual([new TypeError("planted")]);
  });

  test("an absent node is ESTALE, an absent name in a change ENOENT", async () => {
    const kernel = await Kernel.over(tree);
    expect(kernel.ask(opcodes.lookup, 4711, name("x")).error).toBe(-116);
    expect(kernel.ask(opcodes.unlink, 1, name("x")).error).toBe(enoent);
  });
});

describe("without opens", () => {
  const created = (text: string) => new Bytes().u32(2, 0o100644, 0, 0).name(text);

  test("OPEN and FLUSH are left to the kernel, and reads and writes go by the node", async () => {
    const kernel = await Kernel.over(tree, { noOpen: true });
    const { nodeid } = lookup(kernel, 1, "a.txt");
    const enosys = -38;
    expect(kernel.ask(opcodes.open, nodeid, open()).error).toBe(enosys);
    expect(kernel.ask(opcodes.flush, nodeid, new Bytes().u64(0, 0, 0)).error).toBe(enosys);
    expect(kernel.ask(opcodes.read, nodeid, read(0, 1, 10)).body.toString()).toBe("lpha");
    expect(kernel.ask(opcodes.write, nodeid, write(0, 0, "A")).error).toBe(0);
    expect(kernel.ask(opcodes.read, nodeid, read(0, 0, 10)).body.toString()).toBe("Alpha");
  });

  test("a file that lost its last name is there until the kernel forgets it, and no longer", async () => {
    const kernel = await Kernel.over(tree, { noOpen: true });
    const made = entryIn(kernel.ask(opcodes.create, 1, created("new")).body);
    kernel.ask(opcodes.write, made.nodeid, write(0, 0, "kept"));
    expect(kernel.ask(opcodes.unlink, 1, name("new")).error).toBe(0);
    expect(kernel.ask(opcodes.read, made.nodeid, read(0, 0, 10)).body.toString()).toBe("kept");
    expect(kernel.ask(opcodes.write, made.nodeid, write(0, 4, " on")).error).toBe(0);
    kernel.send(opcodes.forget, made.nodeid, new Bytes().u64(1));
    await run(kernel.overlay.commit("strict"));
    expect(await run(kernel.overlay.changes())).toEqual([]);
    expect(kernel.ask(opcodes.read, made.nodeid, read(0, 0, 10)).error).toBe(-9);
  });
});

test("a file that the base has lost can be looked at and removed without an open, and says ESTALE when it is read", async () => {
  const f = await Fixture.open({ lost: "text" });
  await f.rename("lost", "lost too");
  await f.republish({});
  const kernel = Kernel.on(f.base, f.overlay, { noOpen: true });
  const estale = -116;
  for (const _ of ["first", "again"]) {
    const { nodeid } = lookup(kernel, 1, "lost too");
    expect(kernel.ask(opcodes.getattr, nodeid, new Bytes().u32(0, 0).u64(0)).error).toBe(0);
    const read = new Bytes().u64(0, 0).u32(10, 0).u64(0).u32(0, 0);
    expect(kernel.ask(opcodes.read, nodeid, read).error).toBe(estale);
    kernel.send(opcodes.forget, nodeid, new Bytes().u64(1));
  }
  expect(kernel.ask(opcodes.unlink, 1, name("lost too")).error).toBe(0);
  expect(kernel.complaints).toEqual([]);
});

describe("with writeback", () => {
  test("the rest of a page is read through a handle that was opened only to write", async () => {
    const kernel = await Kernel.over(tree, { writeback: true });
    const { nodeid } = lookup(kernel, 1, "a.txt");
    const fh = opened(kernel, nodeid, 1);
    expect(kernel.ask(opcodes.read, nodeid, read(fh, 0, 10)).body.toString()).toBe("alpha");
    const body = new Bytes().u32(1, 0o100644, 0, 0).name("new");
    const made = kernel.ask(opcodes.create, 1, body).body;
    const own = Number(made.readBigUInt64LE(128));
    expect(kernel.ask(opcodes.write, entryIn(made).nodeid, write(own, 0, "ours")).error).toBe(0);
    expect(kernel.ask(opcodes.read, entryIn(made).nodeid, read(own, 0, 10)).body.toString()).toBe(
      "ours",
    );
    const plain = await Kernel.over(tree);
    const only = opened(plain, lookup(plain, 1, "a.txt").nodeid, 1);
    expect(plain.ask(opcodes.read, 2, read(only, 0, 10)).error).toBe(-9);
  });

  test("where data lies is left to the kernel, which has some that we have not", async () => {
    const kernel = await Kernel.over(tree, { writeback: true });
    const { nodeid } = lookup(kernel, 1, "a.txt");
    const seekData = new Bytes().u64(opened(kernel, nodeid), 0).u32(3, 0);
    expect(kernel.ask(opcodes.lseek, nodeid, seekData).error).toBe(-38);
  });
});

test("a file that is renumbered is found under a new nodeid, and the old one goes on", async () => {
  const kernel = await Kernel.over(tree);
  const before = lookup(kernel, 1, "a.txt").nodeid;
  const fh = opened(kernel, before);
  kernel.adapter.renumber(await run(kernel.overlay.lookup(kernel.overlay.root, "a.txt")));
  const after = lookup(kernel, 1, "a.txt").nodeid;
  expect(after).not.toBe(before);
  expect(kernel.ask(opcodes.read, before, read(fh, 0, 10)).body.toString()).toBe("alpha");
  kernel.send(opcodes.forget, before, new Bytes().u64(1));
  expect(lookup(kernel, 1, "a.txt").nodeid).toBe(after);
});

test("what is ours alone may be believed for longer than what the base takes part in", async () => {
  const kernel = await Kernel.over(tree);
  const made = entryIn(kernel.ask(opcodes.mkdir, 1, new Bytes().u32(0o755, 0).name("own")).body);
  expect(made).toMatchObject({ entryValid: 600, attrValid: 300 });
  const nothing = entryIn(kernel.ask(opcodes.lookup, made.nodeid, name("none")).body);
  expect(nothing).toMatchObject({ nodeid: 0, entryValid: 100 });
  expect(lookup(kernel, 1, "a.txt")).toMatchObject({ entryValid: 60, attrValid: 30 });
});

test("requests are counted by what they ask", async () => {
  const kernel = await Kernel.over(tree);
  lookup(kernel, 1, "a.txt");
  lookup(kernel, 1, "d");
  opened(kernel, 2);
  expect(kernel.session.requests).toEqual({ lookup: 2, open: 1 });
});
