/** How many requests an operation costs: what makes a mount fast or slow on any machine. */
import { mkdir, open, readdir, stat } from "node:fs/promises";
import { expect, test } from "vitest";
import { callOwner } from "../../../node/control/client.ts";
import { describeMount, Scratch, shell } from "../../mount/fixture.ts";

const files = Object.fromEntries(
  Array.from({ length: 10 }, (_, number): [string, string] => [`d/f${number}`, "x".repeat(4096)]),
);
const paths = Object.keys(files);

type Counts = Record<string, number>;

async function counts(scratch: Scratch): Promise<Counts> {
  return (await callOwner(scratch.storage, "requests"))?.result as Counts;
}

/** What `work` costs. STATFS is how the serving thread is woken, and FORGET is the kernel's own time. */
async function costOf(scratch: Scratch, work: () => Promise<unknown>): Promise<Counts> {
  const before = await counts(scratch);
  await work();
  const after = await counts(scratch);
  const cost = Object.entries(after).map(([kind, count]): [string, number] => [
    kind,
    count - (before[kind] ?? 0),
  ]);
  const uncounted = ["statfs", "forget", "batchForget"];
  return Object.fromEntries(cost.filter(([kind, n]) => n > 0 && !uncounted.includes(kind)));
}

async function read(path: string): Promise<void> {
  const file = await open(path);
  await file.read(Buffer.alloc(4096), 0, 4096, 0);
  await file.close();
}

async function create(path: string): Promise<void> {
  const file = await open(path, "wx");
  await file.write(Buffer.alloc(4096, 1));
  await file.close();
}

/** Does `work` for one after the other. */
async function forEach(names: readonly string[], work: (name: string) => Promise<unknown>) {
  for (const name of names) await work(name);
}

describeMount("requests to the serving process", () => {
  test("what was seen once costs nothing more, but an open and its end", async () => {
    const scratch = await Scratch.with(files);
    await scratch.mount((await scratch.serve()).url);
    const each = (work: (path: string) => Promise<unknown>) => () =>
      forEach(paths, (path) => work(scratch.at(path)));
    await each(read)();
    // Node asks for the time of birth, which no LOOKUP tells: once.
    const stats = await costOf(scratch, each(stat));
    // Of a close that the kernel tells late.
    delete stats.release;
    expect(stats).toEqual({ statx: paths.length });
    expect(await costOf(scratch, each(stat))).toEqual({});
    const opens = await costOf(scratch, each(read));
    // The kernel tells of a close when it comes to it.
    expect(opens.release ?? 0).toBeLessThanOrEqual(paths.length);
    delete opens.release;
    expect(opens).toEqual({ open: paths.length });
  });

  test("with noopen they cost nothing either", async () => {
    const scratch = await Scratch.with(files);
    await scratch.mount((await scratch.serve()).url, "-o", "noopen");
    const all = () => forEach(paths, (path) => read(scratch.at(path)));
    await all();
    expect(await costOf(scratch, all)).toEqual({});
  });

  test("a name that is not there costs one request, and none the second time", async () => {
    const scratch = await Scratch.with(files);
    await scratch.mount(scratch.base, "-o", "stable");
    await stat(scratch.at("d"));
    const miss = (name: string) =>
      expect(stat(scratch.at(`d/${name}`))).rejects.toMatchObject({ code: "ENOENT" });
    const all = () => forEach(["p", "q", "r"], miss);
    expect(await costOf(scratch, all)).toEqual({ lookup: 3 });
    expect(await costOf(scratch, all)).toEqual({});
  });

  test("a new file of 4 KiB costs seven requests, three of them for the kernel's own rules", async () => {
    const scratch = await Scratch.with({});
    await scratch.mount(scratch.base);
    await mkdir(scratch.at("d"));
    await create(scratch.at("d/first"));
    const made = await costOf(scratch, () =>
      forEach(["a", "b", "c", "d"], (name) => create(scratch.at(`d/${name}`))),
    );
    delete made.release;
    // GETATTR of the directory for its permissions, GETXATTR for the capabilities a write takes away.
    expect(made).toEqual({ lookup: 4, create: 4, getattr: 4, getxattr: 4, write: 4, flush: 4 });
  });

  test("1 MiB written in pieces of 512 bytes costs a request each, and with writeback one in all", async () => {
    const writes = async (...options: string[]): Promise<Counts> => {
      const scratch = await Scratch.with({});
      await scratch.mount(scratch.base, ...options);
      const cost = await costOf(scratch, () =>
        shell("dd if=/dev/zero of=made bs=512 count=2048 status=none", scratch.mountpoint),
      );
      await scratch.unmount();
      return cost;
    };
    expect(await writes()).toMatchObject({ write: 2048 });
    // The kernel may begin to write out before the end; the times of the file are its to tell then.
    const gathered = await writes("-o", "writeback");
    expect(gathered.write).toBeLessThanOrEqual(8);
    expect(gathered.setattr).toBeLessThanOrEqual(2);
  });

  test("ls -l of a directory asks for no name by itself", async () => {
    const scratch = await Scratch.with({});
    await shell("seq -f f%05g 2000 | xargs touch", scratch.base);
    await scratch.mount(scratch.base, "-o", "stable");
    await stat(scratch.mountpoint);
    const {
      lookup = 0,
      getattr = 0,
      readdir: plain = 0,
      readdirplus = 0,
    } = await costOf(scratch, () => shell("ls -l --color=never > /dev/null", scratch.mountpoint));
    expect(plain + readdirplus).toBeLessThanOrEqual(40);
    // The first of them are looked at before the kernel has seen that attributes are wanted.
    expect(lookup + getattr).toBeLessThanOrEqual(40);
    expect(await readdir(scratch.mountpoint)).toHaveLength(2000);
  });
});
