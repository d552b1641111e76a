/**
 * One conversation with the kernel: each request is decoded, done by the adapter, and answered exactly once, whatever
 * happens; what has to wait is answered when it can be, in any order, and nothing else waits for it.
 * It neither reads nor writes the device: messages come in by `receive`, replies go out by the function it was given.
 */
import {
  driveOn,
  FsError,
  type OpenFlags,
  type Operation,
  type Stat,
  type Wait,
} from "../../src/index.ts";
import { type Adapter, errnoOf, type FoundNode, handleOf } from "./adapter.ts";
import {
  type EntryReply,
  encodeAttributes,
  encodeEntry,
  encodeStatx,
} from "./protocol/attributes.ts";
import { EntryPacker, packedNodeids } from "./protocol/directories.ts";
import { encodeOffset, encodeOpen, encodeWritten, openReplyFlags } from "./protocol/files.ts";
import { encodeInit } from "./protocol/init.ts";
import { decodeRequest, isUnanswered, type Request } from "./protocol/request.ts";
import { encodeStatfs } from "./protocol/statfs.ts";
import {
  decodeHeader,
  encodeReplyHeader,
  type Message,
  opcodes,
  type RequestHeader,
  readUint64,
  replyHeaderLength,
} from "./protocol/wire.ts";
import { encodeXattr, packXattrNames } from "./protocol/xattrs.ts";
import { ReplyPool } from "./reply-pool.ts";
import { isTold } from "./told-xattrs.ts";

/** How long, in seconds, the kernel may answer by itself. */
export interface Validity {
  readonly entry: number;
  readonly attributes: number;
  /** That a name does not exist. */
  readonly negative: number;
}

/** What a session is made of. */
export interface SessionOptions {
  readonly adapter: Adapter;
  /** For what the base takes part in. */
  readonly validity: Validity;
  /** For what only changes of ours can change. */
  readonly ownValidity: Validity;
  /** Whether file data may change behind the kernel's back. */
  readonly dataMayChange: boolean;
  /** Let the kernel open files alone, if it can. The adapter keeps them open then. */
  readonly noOpen: boolean;
  /** Let the kernel gather what is written, if it can; see `MountProfile`. */
  readonly writeback: boolean;
  /** Sends the first `length` bytes of `reply`. Must be done with it when it returns; must not throw. */
  readonly send: (reply: Message, length: number) => void;
  /** Hears of what is a defect of ours, not a file's fate; the caller got EIO. */
  readonly complain: (error: unknown, request: Request) => void;
}

/** A request that waits. */
interface Pending {
  readonly header: RequestHeader;
  readonly request: Request;
  answered: boolean;
}

/** Requests that change nothing: an interrupted caller can be let go at once. */
const abandonable: ReadonlySet<Request["kind"]> = new Set([
  "lookup",
  "getattr",
  "statx",
  "readlink",
  "opendir",
  "read",
  "readdir",
  "readdirplus",
  "getxattr",
  "listxattr",
  "lseek",
]);

const eintr = new FsError("EINTR").errno;
const enodata = new FsError("ENODATA").errno;

/** Opcodes are below this. */
const opcodeRoom = 64;

/** Room a reply needs unless its request names a size. */
const plainReplyLength = 8192;

export class Session {
  readonly #options: SessionOptions;
  readonly #adapter: Adapter;
  readonly #pool = new ReplyPool();
  readonly #pending = new Map<number, Pending>();
  /** How often each opcode was asked. */
  readonly #counts = new Uint32Array(opcodeRoom);

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#adapter = options.adapter;
  }

  /** How many requests wait for an answer. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** How many requests came so far, by what they asked. What costs a mount most is their number, on every machine. */
  get requests(): Readonly<Record<string, number>> {
    const asked = Object.entries(opcodes).map(([word, opcode]) => [
      word,
      this.#counts[opcode] ?? 0,
    ]);
    return Object.fromEntries(asked.filter(([, count]) => count !== 0));
  }

  /**
   * Takes one request. Returns whether `message` may be used again at once; if not it belongs to the session for good,
   * because the data in it is still needed.
   * @throws EPROTO there is not even a header to answer to
   */
  receive(message: Message): boolean {
    const header = decodeHeader(message);
    const { opcode } = header;
    if (opcode < opcodeRoom) this.#counts[opcode] = (this.#counts[opcode] as number) + 1;
    let request: Request;
    let reply: Message;
    try {
      request = decodeRequest(message, header);
      reply = this.#pool.take(replyHeaderLength + roomFor(request));
    } catch (error) {
      if (!isUnanswered(header.opcode)) this.#fail(header, error);
      return true;
    }
    if (!isUnanswered(header.opcode)) return this.#serve(header, request, reply);
    this.#pool.give(reply);
    if (request.kind === "interrupt") this.#interrupt(request.of);
    if (request.kind === "forget") {
      for (const { nodeid, lookups } of request.nodes) this.#adapter.forget(nodeid, lookups);
    }
    return true;
  }

  #serve(header: RequestHeader, request: Request, reply: Message): boolean {
    let step: IteratorResult<Wait, number>;
    let operation: Operation<number>;
    try {
      const result = this.#answerAtOnce(header, request, reply);
      if (result !== undefined) {
        this.#send(header, reply, result);
        return true;
      }
      operation = this.#answer(header, request, reply);
      step = operation.next();
    } catch (error) {
      this.#fail(header, error, request);
      this.#pool.give(reply);
      return true;
    }
    if (step.done) {
      this.#send(header, reply, step.value);
      return true;
    }
    const pending: Pending = { header, request, answered: false };
    this.#pending.set(header.unique, pending);
    driveOn(
      operation,
      step.value,
      (result) => {
        this.#pending.delete(header.unique);
        if (!pending.answered) {
          this.#send(header, reply, result);
          return;
        }
        this.#takeBack(request, reply, result);
        this.#pool.give(reply);
      },
      (error) => {
        this.#pending.delete(header.unique);
        if (!pending.answered) this.#fail(header, error, request);
        this.#pool.give(reply);
      },
    );
    return request.kind !== "write";
  }

  /** Sends a reply with the body of this length, or that errno, and takes its message back. */
  #send(header: RequestHeader, reply: Message, result: number): void {
    const errno = Math.min(result, 0);
    const length = Math.max(result, 0);
    this.#options.send(reply, encodeReplyHeader(reply.view, header.unique, errno, length));
    this.#pool.give(reply);
  }

  /**
   * As `#answer`, for requests that come with every new file and never have to wait: an operation would cost them more
   * than all else. Undefined for any other.
   */
  #answerAtOnce(header: RequestHeader, request: Request, reply: Message): number | undefined {
    const adapter = this.#adapter;
    const { nodeid } = header;
    switch (request.kind) {
      case "getattr":
        return this.#attributes(reply, nodeid, adapter.getattr(nodeid));
      case "flush":
        if (this.#options.noOpen) throw new FsError("ENOSYS");
        adapter.flush(request.fh);
        return 0;
      case "getxattr": {
        if (isTold(request.name)) return undefined;
        const value = adapter.storedXattr(nodeid, request.name);
        return value ? encodeXattr(reply, value, request.size) : enodata;
      }
      default:
        return undefined;
    }
  }

  /** What is asked, as `#answer` says; what comes most often has an operation of its own, which is a small one. */
  #answer(header: RequestHeader, request: Request, reply: Message): Operation<number> {
    const { nodeid } = header;
    switch (request.kind) {
      case "lookup":
        return this.#lookup(nodeid, request.name, reply);
      case "create":
        return this.#create(header, request, reply);
      case "write":
        return this.#write(header, request, reply);
      case "release":
        return this.#release(request.fh);
      case "setattr":
        return this.#setattr(nodeid, request, reply);
      case "read":
        return this.#read(header, request, reply);
      default:
        return this.#answerAny(header, request, reply);
    }
  }

  /**
   * Does what is asked, writes the reply's body behind its header and returns the body's length; or a negative errno,
   * where the answer is so common that making an error of it would cost more than all else.
   */
  *#answerAny(header: RequestHeader, request: Request, reply: Message): Operation<number> {
    const adapter = this.#adapter;
    const { nodeid } = header;
    switch (request.kind) {
      case "statx": {
        const stat = adapter.getattr(nodeid);
        return encodeStatx(reply, stat, this.#validityOf(nodeid, stat));
      }
      case "readlink":
        return reply.bytes.write(yield* adapter.readlink(nodeid), replyHeaderLength, "utf8");
      case "symlink":
        return this.#entry(
          reply,
          yield* adapter.symlink(nodeid, request.name, request.target, header),
        );
      case "mknod":
        return this.#entry(
          reply,
          yield* adapter.mknod(nodeid, request.name, request.mode, request.rdev, header),
        );
      case "mkdir":
        return this.#entry(reply, yield* adapter.mkdir(nodeid, request.name, request.mode, header));
      case "link":
        return this.#entry(reply, yield* adapter.link(request.nodeid, nodeid, request.name));
      case "unlink":
        yield* adapter.unlink(nodeid, request.name);
        return 0;
      case "rmdir":
        yield* adapter.rmdir(nodeid, request.name);
        return 0;
      case "rename":
        yield* adapter.rename(nodeid, request.name, request.newParent, request.newName, request);
        return 0;
      case "open": {
        if (this.#options.noOpen) throw new FsError("ENOSYS");
        if (request.forSync) yield* this.#sync();
        const flags = this.#flagsOf(request.flags);
        const fh = yield* adapter.open(nodeid, flags, request.dropsPrivileges);
        return encodeOpen(reply.view, replyHeaderLength, fh, openReply(request.flags.write));
      }
      case "tmpfile": {
        const { mode, flags } = request;
        return this.#openEntry(
          reply,
          yield* adapter.createUnnamed(nodeid, mode, this.#flagsOf(flags), header),
          flags,
        );
      }
      case "fsync":
      case "fsyncdir":
      case "syncfs":
        yield* adapter.fsync();
        return 0;
      case "opendir":
        if (request.forSync) yield* this.#sync();
        return encodeOpen(reply.view, replyHeaderLength, yield* adapter.opendir(nodeid), 0);
      case "readdir":
      case "readdirplus":
        return yield* this.#readdir(request.fh, request, request.kind === "readdirplus", reply);
      case "releasedir":
        adapter.releasedir(request.fh);
        return 0;
      case "statfs":
        return encodeStatfs(reply, yield* adapter.overlay.statfs());
      case "setxattr":
        yield* adapter.setxattr(nodeid, request.name, request.value, request);
        return 0;
      case "getxattr": {
        const value = yield* adapter.findxattr(nodeid, request.name);
        return value ? encodeXattr(reply, value, request.size) : enodata;
      }
      case "listxattr": {
        const names = packXattrNames(yield* adapter.listxattr(nodeid));
        return encodeXattr(reply, names, request.size);
      }
      case "removexattr":
        yield* adapter.removexattr(nodeid, request.name);
        return 0;
      case "fallocate": {
        const { offset, length, mode } = request;
        yield* adapter.fallocate(this.#fileOf(header, request.fh), offset, length, mode);
        return 0;
      }
      case "copy": {
        const { offset, toNodeid, toOffset, length } = request;
        const fh = this.#fileOf(header, request.fh);
        const toFh = this.#fileOf({ nodeid: toNodeid }, request.toFh);
        return encodeWritten(reply, yield* adapter.copyRange(fh, offset, toFh, toOffset, length));
      }
      case "lseek": {
        // Where it has data that we have not, only the kernel can tell what is no hole; it does not ask itself.
        if (this.#options.writeback) throw new FsError("ENOSYS");
        const fh = this.#fileOf(header, request.fh);
        return encodeOffset(reply, yield* adapter.lseek(fh, request.offset, request.whence));
      }
      case "init": {
        return encodeInit(reply, request, this.#options);
      }
      case "destroy":
        return 0;
      default:
        throw new Error(`bug: ${request.kind} has no answer`);
    }
  }

  *#create(
    header: RequestHeader,
    request: Extract<Request, { kind: "create" | "tmpfile" }>,
    reply: Message,
  ): Operation<number> {
    const { name, mode, flags, exclusive } = request;
    const opens = this.#flagsOf(flags);
    const { nodeid } = header;
    const made = yield* this.#adapter.create(nodeid, name, mode, opens, exclusive, header);
    return this.#openEntry(reply, made, flags);
  }

  *#read(
    header: RequestHeader,
    { fh, offset, size }: Extract<Request, { kind: "read" | "readdir" | "readdirplus" }>,
    reply: Message,
  ): Operation<number> {
    const into = reply.bytes.subarray(replyHeaderLength, replyHeaderLength + size);
    return yield* this.#adapter.read(this.#fileOf(header, fh), offset, into);
  }

  *#write(
    header: RequestHeader,
    { fh, offset, data, dropsPrivileges }: Extract<Request, { kind: "write" }>,
    reply: Message,
  ): Operation<number> {
    const file = this.#fileOf(header, fh);
    return encodeWritten(reply, yield* this.#adapter.write(file, offset, data, dropsPrivileges));
  }

  *#setattr(
    nodeid: number,
    { changes, dropsPrivileges }: Extract<Request, { kind: "setattr" }>,
    reply: Message,
  ): Operation<number> {
    const stat = yield* this.#adapter.setattr(nodeid, changes, dropsPrivileges);
    return this.#attributes(reply, nodeid, stat);
  }

  *#release(fh: number): Operation<number> {
    yield* this.#adapter.release(fh);
    return 0;
  }

  /** The adapter's handle of what a request calls `fh`. */
  #fileOf({ nodeid }: { readonly nodeid: number }, fh: number): number {
    return this.#options.noOpen ? handleOf(nodeid) : fh;
  }

  /** Whoever gathers writes reads the rest of a page through the handle that writes, however that was opened. */
  #flagsOf(flags: OpenFlags): OpenFlags {
    return this.#options.writeback && flags.write ? { ...flags, read: true } : flags;
  }

  *#lookup(parent: number, name: string, reply: Message): Operation<number> {
    const { negative } = this.#validity(parent);
    const found = yield* this.#adapter.find(parent, name);
    if (found) return this.#entry(reply, found);
    if (negative === 0) throw new FsError("ENOENT");
    const nothing = { nodeid: 0, entryValid: negative, attrValid: 0, stat: undefined };
    return encodeEntry(reply.view, replyHeaderLength, nothing);
  }

  *#sync(): Operation<void> {
    if (!this.#adapter.overlay.dirty) return;
    try {
      yield* this.#adapter.commit("strict");
    } catch (error) {
      // The open itself is fine. Whoever closes or syncs a file hears of it, as after any commit that failed.
      if (!(error instanceof FsError)) throw error;
    }
  }

  *#readdir(
    fh: number,
    asked: { readonly offset: number; readonly size: number },
    plus: boolean,
    reply: Message,
  ): Operation<number> {
    const packer = new EntryPacker(reply, asked.size);
    try {
      yield* this.#adapter.readdir(fh, asked.offset, plus, (entry) => {
        if (!packer.fits(entry.name, plus)) return false;
        if (!plus) packer.add(entry);
        else if (!entry.found) packer.add(entry, noAttributes);
        else {
          const nodeid = this.#adapter.retain(entry.found.inode, entry.found.parent, entry.name);
          packer.add(entry, this.#entryReply({ nodeid, stat: entry.found.stat }));
        }
        return true;
      });
    } catch (error) {
      // What was packed before goes out; the next request begins where it failed and fails by itself.
      if (packer.length === 0) throw error;
    }
    return packer.length;
  }

  #entry(reply: Message, found: FoundNode): number {
    return encodeEntry(reply.view, replyHeaderLength, this.#entryReply(found));
  }

  #openEntry(reply: Message, made: FoundNode & { readonly fh: number }, flags: OpenFlags): number {
    const entryLength = this.#entry(reply, made);
    const at = replyHeaderLength + entryLength;
    return entryLength + encodeOpen(reply.view, at, made.fh, openReply(flags.write));
  }

  #entryReply({ nodeid, stat }: FoundNode): EntryReply {
    // What is ours alone was found by a name that is ours too.
    const { entry } = this.#validity(nodeid);
    return { nodeid, entryValid: entry, attrValid: this.#validityOf(nodeid, stat), stat };
  }

  #attributes(reply: Message, nodeid: number, stat: Stat): number {
    return encodeAttributes(reply, stat, this.#validityOf(nodeid, stat));
  }

  /** A write takes setuid and setgid bits away, which the kernel does not notice by itself: it has to ask again. */
  #validityOf(nodeid: number, stat: Stat): number {
    const isPrivileged = stat.type === "file" && (stat.mode & 0o6000) !== 0;
    return isPrivileged ? 0 : this.#validity(nodeid).attributes;
  }

  #validity(nodeid: number): Validity {
    const { validity, ownValidity } = this.#options;
    return this.#adapter.isOurs(nodeid) ? ownValidity : validity;
  }

  #fail(header: RequestHeader, error: unknown, request?: Request): void {
    if (request && !(error instanceof FsError)) this.#options.complain(error, request);
    const reply = this.#pool.take(replyHeaderLength);
    this.#options.send(reply, encodeReplyHeader(reply.view, header.unique, errnoOf(error), 0));
    this.#pool.give(reply);
  }

  #interrupt(unique: number): void {
    const pending = this.#pending.get(unique);
    if (!pending || pending.answered || !abandonable.has(pending.request.kind)) return;
    pending.answered = true;
    const reply = this.#pool.take(replyHeaderLength);
    this.#options.send(reply, encodeReplyHeader(reply.view, unique, eintr, 0));
    this.#pool.give(reply);
  }

  /** Gives up what an answer holds whose caller has left. */
  #takeBack(request: Request, reply: Message, bodyLength: number): void {
    const { view } = reply;
    const start = replyHeaderLength;
    if (request.kind === "lookup") this.#adapter.forget(readUint64(view, start), 1);
    if (request.kind === "opendir") this.#adapter.releasedir(readUint64(view, start));
    if (request.kind === "readdirplus") {
      for (const nodeid of packedNodeids(view, bodyLength)) this.#adapter.forget(nodeid, 1);
    }
  }
}

const noAttributes: EntryReply = { nodeid: 0, entryValid: 0, attrValid: 0, stat: undefined };

function openReply(writes: boolean | undefined): number {
  return writes ? openReplyFlags.keepCache : openReplyFlags.keepCache | openReplyFlags.noFlush;
}

function roomFor(request: Request): number {
  switch (request.kind) {
    case "read":
    case "readdir":
    case "readdirplus":
    case "getxattr":
    case "listxattr":
      return Math.max(request.size, plainReplyLength);
    default:
      return plainReplyLength;
  }
}
