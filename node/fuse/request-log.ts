/**
 * One line for each request and what became of it, for people who look for what goes wrong. It listens at both ends of a
 * session and knows nothing else of it: names are remembered as they pass by, since requests name most nodes by number.
 */
import { constants } from "node:os";
import { errnoOf } from "./adapter.ts";
import { rootNodeid } from "./nodes.ts";
import { packedNames } from "./protocol/directories.ts";
import { decodeRequest, isUnanswered, type Request } from "./protocol/request.ts";
import { decodeHeader, type Message, readUint64, replyHeaderLength } from "./protocol/wire.ts";
import type { Session } from "./session.ts";

/** Paths that are remembered; with more, those learnt first are forgotten. */
const maxPaths = 20_000;

interface Asked {
  readonly request: Request;
  readonly nodeid: number;
  readonly pid: number;
  /** When it came, of `performance.now()`. */
  readonly at_ms: number;
}

/** See the head of this file. */
export class RequestLog {
  readonly #write: (line: string) => void;
  /** What is not answered yet, by its unique. */
  readonly #asked = new Map<number, Asked>();
  readonly #paths = new Map<number, string>([[rootNodeid, ""]]);

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** `session` with every request that it takes being heard. */
  over(session: Pick<Session, "receive">): Pick<Session, "receive"> {
    return {
      receive: (message) => {
        this.#hear(message);
        return session.receive(message);
      },
    };
  }

  /** `send` with every reply being told of, once it is on its way. */
  heard(send: (reply: Message, length: number) => void): (reply: Message, length: number) => void {
    return (reply, length) => {
      const asked = this.#asked.get(readUint64(reply.view, 8));
      this.#asked.delete(readUint64(reply.view, 8));
      const taken_us = asked ? Math.round((performance.now() - asked.at_ms) * 1000) : 0;
      send(reply, length);
      if (asked) this.#tell(asked, reply, length - replyHeaderLength, taken_us);
    };
  }

  #hear(message: Message): void {
    const header = decodeHeader(message);
    const { nodeid, opcode, pid, unique } = header;
    const at_ms = performance.now();
    let request: Request;
    try {
      request = decodeRequest(message, header);
    } catch (error) {
      // The session answers so, too.
      this.#line("refused", `opcode ${opcode}  ${nameOf(errnoOf(error))}`, pid);
      return;
    }
    if (!isUnanswered(opcode)) this.#asked.set(unique, { request, nodeid, pid, at_ms });
    else this.#line(request.kind, unansweredDetail(request));
  }

  #tell({ request, nodeid, pid }: Asked, reply: Message, length: number, taken_us: number): void {
    const error = reply.view.getInt32(4, true);
    const what = this.#subject(request, nodeid);
    if (error === 0) this.#learn(request, nodeid, reply, length);
    const outcome = error === 0 ? result(request, reply, length) : nameOf(error);
    this.#line(request.kind, `${what}  ${outcome}  ${taken_us} µs`, pid);
  }

  #line(kind: string, rest: string, pid?: number): void {
    const time = new Date().toISOString().slice(11, 23);
    this.#write(`${time}  ${kind.padEnd(11)} ${rest}${pid ? `  by ${pid}` : ""}`);
  }

  /** What a request is about: a path as far as it is known, and what else was asked. */
  #subject(request: Request, nodeid: number): string {
    switch (request.kind) {
      case "lookup":
      case "unlink":
      case "rmdir":
      case "mkdir":
      case "mknod":
      case "create":
        return shown(this.#below(nodeid, request.name));
      case "symlink":
        return `${shown(this.#below(nodeid, request.name))} -> ${shown(request.target)}`;
      case "link": {
        const from = this.#path(request.nodeid);
        return `${shown(from)} => ${shown(this.#below(nodeid, request.name))}`;
      }
      case "rename": {
        const to = this.#below(request.newParent, request.newName);
        return `${shown(this.#below(nodeid, request.name))} => ${shown(to)}`;
      }
      case "read":
      case "readdir":
      case "readdirplus":
        return `${shown(this.#path(nodeid))} ${request.offset}+${request.size}`;
      case "write":
        return `${shown(this.#path(nodeid))} ${request.offset}+${request.data.length}`;
      case "fallocate":
        return `${shown(this.#path(nodeid))} ${request.offset}+${request.length}`;
      case "setattr":
        return `${shown(this.#path(nodeid))} ${Object.keys(request.changes).join(",")}`;
      case "getxattr":
      case "setxattr":
      case "removexattr":
        return `${shown(this.#path(nodeid))} ${shown(request.name)}`;
      case "statfs":
      case "init":
      case "destroy":
      case "syncfs":
        return "";
      default:
        return shown(this.#path(nodeid));
    }
  }

  #path(nodeid: number): string {
    return this.#paths.get(nodeid) ?? `#${nodeid}`;
  }

  #below(parent: number, name: string): string {
    const path = this.#path(parent);
    return path === "" ? name : `${path}/${name}`;
  }

  /** Remembers the names that a reply tells the nodeids of. */
  #learn(request: Request, parent: number, reply: Message, length: number): void {
    switch (request.kind) {
      case "lookup":
      case "mkdir":
      case "mknod":
      case "create":
      case "symlink":
      case "link": {
        const nodeid = readUint64(reply.view, replyHeaderLength);
        if (nodeid !== 0) this.#remember(nodeid, this.#below(parent, request.name));
        return;
      }
      case "readdirplus":
        for (const [nodeid, name] of packedNames(reply, length)) {
          if (nodeid !== 0) this.#remember(nodeid, this.#below(parent, name));
        }
        return;
      case "rename":
        this.#move(
          this.#below(parent, request.name),
          this.#below(request.newParent, request.newName),
        );
    }
  }

  /** The paths learnt first are forgotten, all but the root's: their nodes are told by number then. */
  #remember(nodeid: number, path: string): void {
    this.#paths.delete(nodeid);
    this.#paths.set(nodeid, path);
    if (this.#paths.size <= maxPaths) return;
    for (const oldest of this.#paths.keys()) {
      if (oldest === rootNodeid) continue;
      this.#paths.delete(oldest);
      return;
    }
  }

  #move(from: string, to: string): void {
    for (const [nodeid, path] of this.#paths) {
      if (path === from || path.startsWith(`${from}/`)) {
        this.#paths.set(nodeid, to + path.slice(from.length));
      }
    }
  }
}

function unansweredDetail(request: Request): string {
  if (request.kind === "forget") {
    const { nodes } = request;
    return nodes.length === 1 ? `#${nodes[0]?.nodeid}` : `${nodes.length} nodes`;
  }
  return request.kind === "interrupt" ? `of request ${request.of}` : "";
}

/** What a reply without an error says, in a word. */
function result({ kind }: Request, reply: Message, length: number): string {
  switch (kind) {
    case "lookup":
      return readUint64(reply.view, replyHeaderLength) === 0 ? "ENOENT" : "ok";
    case "read":
    case "readdir":
    case "readdirplus":
    case "readlink":
      return `${length} bytes`;
    case "write":
    case "copy":
      return `${reply.view.getUint32(replyHeaderLength, true)} bytes`;
    default:
      return "ok";
  }
}

function nameOf(error: number): string {
  const found = Object.entries(constants.errno).find(([, number]) => number === -error);
  return found?.[0] ?? `error ${error}`;
}

/** A path as it is, or quoted where it has characters that a terminal could act upon. */
function shown(path: string): string {
  if (path === "") return ".";
  return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(path) ? path : JSON.stringify(path);
}
