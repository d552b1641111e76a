/**
 * fuse-native's callbacks over the adapter. They name files by path, so each walks from the root, holding the lookups
 * it takes only as long as it needs them; open files are held by their handle.
 */
import type { NativeOperations, NativeStat } from "fuse-native";
import {
  drive,
  millisecondsOf,
  type Operation,
  type Stat,
  timeOfMilliseconds,
} from "../../src/index.ts";
import { type Adapter, type Caller, errnoOf } from "./adapter.ts";
import { rootNodeid } from "./nodes.ts";
import { openFlagsOf } from "./protocol/files.ts";

const blockSize = 4096;

/** Stands for "leave it" in chown. */
const unchanged = 0xffff_ffff;

/** The callbacks for fuse-native. It does not tell who the caller is: what is made belongs to `owner`. */
export function nativeOperations(adapter: Adapter, owner: Caller): NativeOperations {
  /** Does `use` with the node at `path` and answers `done`. */
  const at = <T>(
    path: string,
    use: (nodeid: number) => Operation<T>,
    done: (error: number, value?: T) => void,
  ): void => answer(withNode(adapter, path, use), done);
  /** Does `use` with the directory of `path` and the last name in it. */
  const inParent = <T>(
    path: string,
    use: (parent: number, name: string) => Operation<T>,
    done: (error: number, value?: T) => void,
  ): void => answer(withParent(adapter, path, use), done);
  /** As `inParent`, for what makes a node: its lookup is given back. */
  const making = (
    path: string,
    use: (parent: number, name: string) => Operation<{ readonly nodeid: number }>,
    done: (error: number) => void,
  ): void =>
    inParent(
      path,
      function* (parent, name) {
        adapter.forget((yield* use(parent, name)).nodeid, 1);
      },
      (error) => done(error),
    );
  const stat = (path: string, done: (error: number, stat?: NativeStat) => void): void =>
    at(
      path,
      function* (nodeid) {
        return nativeStat(adapter.getattr(nodeid));
      },
      done,
    );
  const fsync = (done: (error: number) => void): void =>
    answer(adapter.fsync(), (error) => done(error));

  return {
    statfs: (_path, done) =>
      answer(
        (function* () {
          const { total, free } = yield* adapter.overlay.statfs();
          const bfree = Math.floor(free / blockSize);
          const blocks = Math.floor(total / blockSize);
          return {
            bsize: blockSize,
            frsize: blockSize,
            blocks,
            bfree,
            bavail: bfree,
            namemax: 255,
          };
        })(),
        done,
      ),
    getattr: stat,
    fgetattr: (path, _fd, done) => stat(path, done),
    readlink: (path, done) => at(path, (nodeid) => adapter.readlink(nodeid), done),
    readdir: (path, done) => at(path, (nodeid) => namesIn(adapter, nodeid), done),
    truncate: (path, size, done) => at(path, (nodeid) => adapter.setattr(nodeid, { size }), done),
    ftruncate: (path, _fd, size, done) =>
      at(path, (nodeid) => adapter.setattr(nodeid, { size }), done),
    chown: (path, uid, gid, done) => {
      const changes = { ...(uid !== unchanged && { uid }), ...(gid !== unchanged && { gid }) };
      at(path, (nodeid) => adapter.setattr(nodeid, changes), done);
    },
    chmod: (path, mode, done) =>
      at(path, (nodeid) => adapter.setattr(nodeid, { mode: mode & 0o7777 }), done),
    utimens: (path, atime_ms, mtime_ms, done) => {
      const changes = { atime: timeOfMilliseconds(atime_ms), mtime: timeOfMilliseconds(mtime_ms) };
      at(path, (nodeid) => adapter.setattr(nodeid, changes), done);
    },
    mknod: (path, mode, device, done) =>
      making(path, (parent, name) => adapter.mknod(parent, name, mode, device, owner), done),
    mkdir: (path, mode, done) =>
      making(path, (parent, name) => adapter.mkdir(parent, name, mode & 0o7777, owner), done),
    symlink: (target, path, done) =>
      making(path, (parent, name) => adapter.symlink(parent, name, target, owner), done),
    link: (from, to, done) =>
      at(
        from,
        (nodeid) =>
          withParent(adapter, to, function* (parent, name) {
            adapter.forget((yield* adapter.link(nodeid, parent, name)).nodeid, 1);
          }),
        done,
      ),
    unlink: (path, done) => inParent(path, (parent, name) => adapter.unlink(parent, name), done),
    rmdir: (path, done) => inParent(path, (parent, name) => adapter.rmdir(parent, name), done),
    rename: (from, to, done) =>
      inParent(
        from,
        (parent, name) =>
          withParent(adapter, to, (newParent, newName) =>
            adapter.rename(parent, name, newParent, newName, plainRename),
          ),
        done,
      ),
    open: (path, flags, done) =>
      at(path, (nodeid) => adapter.open(nodeid, openFlagsOf(flags)), done),
    create: (path, mode, done) =>
      inParent(
        path,
        function* (parent, name) {
          const flags = { read: true, write: true };
          const made = yield* adapter.create(parent, name, mode & 0o7777, flags, false, owner);
          adapter.forget(made.nodeid, 1);
          return made.fh;
        },
        done,
      ),
    read: (_path, fd, into, length, offset, done) =>
      answer(adapter.read(fd, offset, into.subarray(0, length)), counting(done)),
    write: (_path, fd, bytes, length, offset, done) =>
      answer(adapter.write(fd, offset, bytes.subarray(0, length)), counting(done)),
    flush: (_path, fd, done) => {
      try {
        adapter.flush(fd);
        done(0);
      } catch (error) {
        done(errnoOf(error));
      }
    },
    fsync: (_path, _dataOnly, _fd, done) => fsync(done),
    fsyncdir: (_path, _dataOnly, _fd, done) => fsync(done),
    release: (_path, fd, done) => answer(adapter.release(fd), (error) => done(error)),
    getxattr: (path, name, _position, done) =>
      at(
        path,
        function* (nodeid) {
          return Buffer.from(yield* adapter.getxattr(nodeid, name));
        },
        done,
      ),
    setxattr: (path, name, value, _position, flags, done) => {
      const options = { create: (flags & 1) !== 0, replace: (flags & 2) !== 0 };
      const kept = Uint8Array.from(value); // it lies in the memory of libfuse
      at(path, (nodeid) => adapter.setxattr(nodeid, name, kept, options), done);
    },
    listxattr: (path, done) => at(path, (nodeid) => adapter.listxattr(nodeid), done),
    removexattr: (path, name, done) =>
      at(path, (nodeid) => adapter.removexattr(nodeid, name), done),
  };
}

const plainRename = { noReplace: false, exchange: false };

function answer<T>(operation: Operation<T>, done: (error: number, value?: T) => void): void {
  drive(
    operation,
    (value) => done(0, value),
    (error) => done(errnoOf(error)),
  );
}

/** How reads and writes are answered: with the number of bytes in the error's place. */
function counting(done: (result: number) => void): (error: number, count?: number) => void {
  return (error, count) => done(error === 0 ? (count ?? 0) : error);
}

function* withNode<T>(
  adapter: Adapter,
  path: string,
  use: (nodeid: number) => Operation<T>,
): Operation<T> {
  const names = path.split("/").filter((name) => name !== "");
  let nodeid = rootNodeid;
  try {
    for (const name of names) {
      const child = yield* adapter.lookup(nodeid, name);
      adapter.forget(nodeid, 1);
      nodeid = child.nodeid;
    }
    return yield* use(nodeid);
  } finally {
    adapter.forget(nodeid, 1);
  }
}

function* withParent<T>(
  adapter: Adapter,
  path: string,
  use: (parent: number, name: string) => Operation<T>,
): Operation<T> {
  const slash = path.lastIndexOf("/");
  const name = path.slice(slash + 1);
  return yield* withNode(adapter, path.slice(0, slash), (parent) => use(parent, name));
}

function* namesIn(adapter: Adapter, nodeid: number): Operation<string[]> {
  const fh = yield* adapter.opendir(nodeid);
  const names: string[] = [];
  try {
    yield* adapter.readdir(fh, 0, false, ({ name }) => names.push(name) > 0);
  } finally {
    adapter.releasedir(fh);
  }
  return names;
}

function nativeStat(stat: Stat): NativeStat {
  const { mode, uid, gid, size, nlink, rdev, blocks } = stat;
  return {
    mode,
    uid,
    gid,
    size,
    nlink,
    // The package has 32 bits for it.
    ino: stat.ino >>> 0,
    rdev,
    blksize: blockSize,
    blocks,
    atime: new Date(millisecondsOf(stat.atime)),
    mtime: new Date(millisecondsOf(stat.mtime)),
    ctime: new Date(millisecondsOf(stat.ctime)),
  };
}
