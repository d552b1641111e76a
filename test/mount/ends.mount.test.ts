/** How a mount ends, well and badly, and what is left then. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, open, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { holderOf, openDiskStorage } from "../../node/storage/disk.ts";
import { run } from "../../src/index.ts";
import {
  describeMount,
  execute,
  minifo,
  minifoOk,
  mountsAt,
  program,
  Scratch,
  shell,
  until,
} from "./fixture.ts";

const files = { a: "A", b: "B", "d/c": "C" };

/** Writes a file and fsyncs it. */
async function writeSafely(path: string, text: string): Promise<void> {
  const file = await open(path, "w");
  await file.writeFile(text);
  await file.sync();
  await file.close();
}

describeMount("a mount ends well", () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "on %s: exit code 0, everything stored",
    async (signal) => {
      const scratch = await Scratch.with(files);
      const { child, ended } = await scratch.mountInForeground(scratch.base);
      await writeFile(scratch.at("new"), "N");
      child.kill(signal);
      expect(await ended).toMatchObject({ code: 0, signal: null });
      expect(await mountsAt(scratch.mountpoint)).toEqual([]);
      expect(await scratch.status()).toEqual(["created new"]);
    },
  );

  test("on umount(8): exit code 0, everything stored", async () => {
    const scratch = await Scratch.with(files);
    const { ended } = await scratch.mountInForeground(scratch.base);
    await writeFile(scratch.at("new"), "N");
    await shell(`umount mnt`, scratch.directory);
    expect(await ended).toMatchObject({ code: 0, signal: null });
    expect(await scratch.status()).toEqual(["created new"]);
  });

  test("on SIGTERM while it is in use: detached, and said so, exit code 0", async () => {
    const scratch = await Scratch.with(files);
    const { child, ended } = await scratch.mountInForeground(scratch.base);
    const user = startSleeper(scratch.mountpoint);
    await writeFile(scratch.at("new"), "N");
    child.kill("SIGTERM");
    const { code, stderr } = await ended;
    user.kill();
    expect(code).toBe(0);
    expect(stderr).toMatch(/is in use by .*sleep \(\d+\)/);
    expect(await mountsAt(scratch.mountpoint)).toEqual([]);
    expect(await scratch.status()).toEqual(["created new"]);
  });

  test("on SIGTERM, though nobody reads any more what it says", async () => {
    const scratch = await Scratch.with(files);
    const { child, ended } = await scratch.mountInForeground(scratch.base);
    await writeFile(scratch.at("new"), "N");
    child.stderr?.destroy();
    const held = await open(scratch.at("a"));
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({ code: 0, signal: null });
    await held.close().catch(() => {});
    expect(await minifoOk("status", scratch.storage)).toMatch(/created +new/);
  });

  test("with the storage closed when `minifo umount` returns", async () => {
    const scratch = await Scratch.with(files);
    await scratch.mount(scratch.base);
    await writeFile(scratch.at("new"), "N");
    await scratch.unmount();
    expect(holderOf(scratch.storage)).toBeUndefined();
    await run(openDiskStorage(scratch.storage).close());
    expect(await readdir(scratch.storage)).not.toContain("control");
  });

  test("not while somebody uses it: `minifo umount` names who, --lazy detaches it", async () => {
    const scratch = await Scratch.with(files);
    await scratch.mount(scratch.base);
    const user = startSleeper(scratch.mountpoint);
    const { code, stderr } = await minifo("umount", scratch.mountpoint);
    expect(code).toBe(1);
    expect(stderr).toContain(`sleep (${user.pid})`);
    await minifoOk("umount", "--lazy", scratch.mountpoint);
    expect(await mountsAt(scratch.mountpoint)).toEqual([]);
    user.kill();
    await until(() => holderOf(scratch.storage) === undefined);
  });

  test("whoever asks `minifo umount` from within is told of others, not of it", async () => {
    const scratch = await Scratch.with(files);
    await scratch.mount(scratch.base);
    const asked = await execute(
      "bash",
      ["-c", `"$0" "$1" umount . ; exit $?`, process.execPath, program],
      scratch.mountpoint,
    );
    expect([asked.code, asked.stderr]).toEqual([
      1,
      expect.stringMatching(/: bash \(\d+\) uses it/),
    ]);
    await scratch.unmount();
  });

  test("and can be followed at once by the next", async () => {
    const scratch = await Scratch.with(files);
    for (let round = 0; round < 4; round += 1) {
      await scratch.mount(scratch.base);
      await writeFile(scratch.at(`n${round}`), "N".repeat(100_000));
      await shell("umount mnt", scratch.directory);
    }
    await scratch.mount(scratch.base);
    expect((await readdir(scratch.mountpoint)).sort()).toEqual([
      "a",
      "b",
      "d",
      "n0",
      "n1",
      "n2",
      "n3",
    ]);
    await scratch.unmount();
  });
});

describeMount("a mount whose process is killed", () => {
  test("keeps what was fsynced, and is cleared from the table by its watchdog", async () => {
    const scratch = await Scratch.with(files);
    for (let round = 0; round < 3; round += 1) {
      const { child, ended } = await scratch.mountInForeground(scratch.base);
      for (let i = 0; i < 10; i += 1) await writeSafely(scratch.at(`n${round}-${i}`), `v${i}`);
      child.kill("SIGKILL");
      await ended;
      await until(async () => (await mountsAt(scratch.mountpoint)).length === 0);
    }
    await scratch.mount(scratch.base);
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 10; i += 1) {
        expect(await readFile(scratch.at(`n${round}-${i}`), "utf8")).toBe(`v${i}`);
      }
    }
    await scratch.unmount();
  });

  test("keeps what `sync -f` was called after", async () => {
    const scratch = await Scratch.with(files);
    const { child, ended } = await scratch.mountInForeground(scratch.base);
    await shell("rm a; mv b c; sync -f .", scratch.mountpoint);
    child.kill("SIGKILL");
    await ended;
    await until(async () => (await mountsAt(scratch.mountpoint)).length === 0);
    expect((await scratch.status()).sort()).toEqual(["deleted a", "renamed c"]);
  });

  test("keeps what nobody synced, once the clock has had its turn", async () => {
    const scratch = await Scratch.with(files);
    const { child, ended } = await scratch.mountInForeground(scratch.base);
    const generation = () => {
      const storage = openDiskStorage(scratch.storage, { readOnly: true });
      const superblock = run(storage.superblock());
      return superblock.finally(() => run(storage.close())).then((block) => block?.generation);
    };
    // What is promised is a second. A busy machine may keep the clock from its turn, but not every time; and all but the
    // first are written right behind a turn of it.
    const waits_ms: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const before = await generation();
      await writeFile(scratch.at("a"), `ours ${round}`);
      const written_ms = performance.now();
      await until(async () => (await generation()) !== before);
      waits_ms.push(performance.now() - written_ms);
    }
    expect(Math.min(...waits_ms.slice(1))).toBeLessThan(1000);
    // Of two changes the later may be in the next commit.
    const last = await generation();
    await writeFile(scratch.at("b"), "the last");
    await until(async () => (await generation()) !== last);
    child.kill("SIGKILL");
    await ended;
    await scratch.mount(scratch.base);
    expect(await readFile(scratch.at("a"), "utf8")).toBe("ours 4");
    await scratch.unmount();
    expect((await scratch.status()).sort()).toEqual(["modified a", "modified b"]);
  });

  test("is cleared by the next mount where there is no watchdog left", async () => {
    const scratch = await Scratch.with(files);
    const { child, ended } = await scratch.mountInForeground(scratch.base);
    await writeSafely(scratch.at("new"), "N");
    const dogs = await execute("pgrep", ["-P", String(child.pid), "-f", "minifo-watchdog"]);
    const [dog] = dogs.stdout.trim().split("\n").map(Number);
    expect(dog).toBeGreaterThan(1);
    process.kill(dog as number, "SIGKILL");
    child.kill("SIGKILL");
    await ended;
    expect(await mountsAt(scratch.mountpoint)).toHaveLength(1);
    await scratch.mount(scratch.base);
    expect(await mountsAt(scratch.mountpoint)).toHaveLength(1);
    expect(await readFile(scratch.at("new"), "utf8")).toBe("N");
    await scratch.unmount();
  });

  test("is cleared by `minifo umount` too", async () => {
    const scratch = await Scratch.with(files);
    const { child, ended } = await scratch.mountInForeground(scratch.base);
    const dogs = await execute("pgrep", ["-P", String(child.pid), "-f", "minifo-watchdog"]);
    process.kill(Number(dogs.stdout.trim()), "SIGKILL");
    child.kill("SIGKILL");
    await ended;
    await scratch.unmount();
    expect(await mountsAt(scratch.mountpoint)).toEqual([]);
  });
});

describeMount("a mount is refused", () => {
  test("of a storage that is mounted already, with the holder's name", async () => {
    const scratch = await Scratch.with(files);
    await scratch.mount(scratch.base);
    const second = join(scratch.directory, "second");
    await mkdir(second);
    const { code, stderr } = await minifo(
      "mount",
      scratch.base,
      second,
      "--storage",
      scratch.storage,
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/EBUSY.*mounted at .*mnt by process \d+/);
    expect(await mountsAt(second)).toEqual([]);
    await scratch.unmount();
  });

  test("at a mountpoint that has one of ours", async () => {
    const scratch = await Scratch.with(files);
    await scratch.mount(scratch.base);
    const other = join(scratch.directory, "other");
    const { code, stderr } = await minifo(
      "mount",
      scratch.base,
      scratch.mountpoint,
      "--storage",
      other,
    );
    expect([code, stderr]).toEqual([1, expect.stringContaining("is there already")]);
    await scratch.unmount();
  });

  test("where base, mountpoint and storage lie inside each other", async () => {
    const scratch = await Scratch.with({ ...files, "sub/x": "" });
    const { base, mountpoint, storage } = scratch;
    const places: [string, string, string][] = [
      [base, join(base, "sub"), storage],
      [`file://${base}`, base, storage],
      [base, base, storage],
      [base, mountpoint, join(base, "sto")],
      [base, mountpoint, join(mountpoint, "sto")],
      [join(base, "sub"), base, storage],
    ];
    for (const [below, at, kept] of places) {
      const { code, stderr } = await minifo("mount", below, at, "--storage", kept);
      expect([code, stderr]).toEqual([1, expect.stringContaining("would wait for itself")]);
    }
  });

  test("with an option nobody knows, a place that is not there, a base that is none", async () => {
    const scratch = await Scratch.with(files);
    const { base, mountpoint, storage, directory } = scratch;
    const failing = async (...args: string[]) => (await minifo("mount", ...args)).stderr;
    const kept = ["--storage", storage];
    expect(await failing(base, mountpoint, ...kept, "-o", "ro,qwerty")).toContain("-o qwerty");
    expect(await failing(base, join(directory, "none"), ...kept)).toMatch(/ENOENT.*make it first/);
    expect(await failing(base, join(base, "a"), ...kept)).toContain("ENOTDIR");
    expect(await failing(join(directory, "none"), mountpoint, ...kept)).toContain("ENOENT");
    expect(await failing("ftp://example.org/", mountpoint, ...kept)).toContain("EINVAL");
    expect(await failing("file://site", mountpoint, ...kept)).toMatch(/EINVAL.*file:\/\/\/srv/);
    expect(await failing("localhost:80", mountpoint, ...kept)).toMatch(/ENOENT.*http:\/\//);
    expect(await mountsAt(mountpoint)).toEqual([]);
  });

  test("over another base than the storage's, unless it is adopted", async () => {
    const scratch = await Scratch.with(files);
    await scratch.mount(scratch.base);
    await scratch.unmount();
    const other = await Scratch.with({ z: "Z" });
    const args = [other.base, scratch.mountpoint, "--storage", scratch.storage];
    expect((await minifo("mount", ...args)).stderr).toContain("EINVAL");
    await minifoOk("mount", ...args, "--adopt-base");
    expect(await readdir(scratch.mountpoint)).toEqual(["z"]);
    await scratch.unmount();
  });
});

describeMount("a mount over a base that does not answer", () => {
  test("says that it waits, and Ctrl-C gives it up for good", async () => {
    const scratch = await Scratch.with({});
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      silent.closeAllConnections();
      silent.close();
    });
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
    const program = new URL("../../bin/minifo.js", import.meta.url).pathname;
    const args = [program, "mount", url, scratch.mountpoint, "--storage", scratch.storage];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
    const ended = new Promise((resolve) => child.once("close", resolve));
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    await until(() => said.includes("still waiting for the base"));
    const owner = holderOf(scratch.storage);
    expect(owner).toBeDefined();
    child.kill("SIGINT");
    expect(await ended).toBe(1);
    expect(said).toContain("nothing is mounted");
    // The process in the background ended too, and nothing will be mounted later.
    expect(holderOf(scratch.storage)).toBeUndefined();
    expect(await mountsAt(scratch.mountpoint)).toEqual([]);
  });

  test("holds up nobody who asks for something else, and fails those who wait", async () => {
    const scratch = await Scratch.with({ fast: "F", slow: "S" });
    const real = await scratch.serve();
    let refusing = false;
    const held: (() => void)[] = [];
    const proxy = createServer((asked, answer) => {
      if (asked.url === "/slow" && refusing) answer.writeHead(404).end();
      else if (asked.url === "/slow") held.push(() => answer.destroy());
      else {
        request(new URL(asked.url ?? "/", real.url), { headers: asked.headers }, (got) => {
          answer.writeHead(got.statusCode ?? 500, got.headers);
          got.pipe(answer);
        }).end();
      }
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      proxy.closeAllConnections();
      proxy.close();
    });
    await scratch.mount(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}/`);
    const slow = execute("cat", [scratch.at("slow")]);
    await until(() => held.length > 0);
    expect(await readFile(scratch.at("fast"), "utf8")).toBe("F");
    await writeFile(scratch.at("new"), "N");
    refusing = true;
    for (const drop of held) drop();
    expect((await slow).code).toBe(1);
    // Nobody is left who waits: it can be unmounted.
    await scratch.unmount();
  });

  test("lets a caller go who is killed while it waits", async () => {
    const scratch = await Scratch.with({ slow: "S" });
    const real = await scratch.serve();
    let asked = 0;
    const proxy = createServer((question, answer) => {
      asked += question.url === "/slow" ? 1 : 0;
      if (question.url === "/slow") return;
      request(new URL(question.url ?? "/", real.url), { headers: question.headers }, (got) => {
        answer.writeHead(got.statusCode ?? 500, got.headers);
        got.pipe(answer);
      }).end();
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      proxy.closeAllConnections();
      proxy.close();
    });
    await scratch.mount(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}/`);
    const reader = startProgram("cat", [scratch.at("slow")]);
    await until(() => asked > 0);
    const gone = new Promise((resolve) => reader.once("exit", (_, signal) => resolve(signal)));
    reader.kill("SIGTERM");
    expect(await gone).toBe("SIGTERM");
    await scratch.unmount();
  });
});

describeMount("the owner's socket", () => {
  test("is found by the mountpoint too", async () => {
    const scratch = await Scratch.with(files);
    await scratch.mount(scratch.base);
    await writeFile(scratch.at("a"), "ours");
    expect(await minifoOk("status", scratch.mountpoint)).toMatch(/^modified +a\n$/);
    expect(await minifoOk("diff", scratch.mountpoint, "a")).toContain("+ours");
    await minifoOk("revert", scratch.mountpoint, "a");
    expect(await readFile(scratch.at("a"), "utf8")).toBe("A");
    await scratch.unmount();
  });

  test("is for its owner alone, and works however long its path is", async () => {
    const scratch = await Scratch.with(files);
    const storage = join(scratch.directory, "long-".repeat(30));
    await minifoOk("mount", scratch.base, scratch.mountpoint, "--storage", storage);
    await writeFile(scratch.at("new"), "N");
    expect((await minifoOk("status", storage, "--json")).trim()).toContain('"new"');
    expect(await shell(`stat -c %a ${storage}/control`, scratch.directory)).toBe("600\n");
    await scratch.unmount();
  });
});

/** A program whose working directory is in the mount; it is running it when this returns. */
function startSleeper(directory: string): ChildProcess {
  return startProgram("sleep", ["300"], directory);
}

function startProgram(program: string, args: readonly string[], cwd = "/"): ChildProcess {
  const child = spawn(program, args, { cwd, stdio: "ignore" });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}
