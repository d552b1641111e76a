/** A session over an overlay in memory, and the kernel that talks to it. */
import { Adapter } from "../../../node/fuse/adapter.ts";
import type { Message } from "../../../node/fuse/protocol/wire.ts";
import { Session } from "../../../node/fuse/session.ts";
import {
  type MemoryBase,
  MemoryDisk,
  type MemoryTree,
  memoryBase,
  Overlay,
  openMemoryStorage,
  run,
} from "../../../src/index.ts";
import { type Bytes, type Reply, type RequestFields, replyOf, requestOf } from "./kernel-side.ts";

/** Of a session's options, what a test may want otherwise. */
export interface Choices {
  readonly noOpen?: boolean;
  readonly writeback?: boolean;
}

/** Asks a session and collects what it answers. */
export class Kernel {
  readonly base: MemoryBase;
  readonly overlay: Overlay;
  readonly adapter: Adapter;
  readonly session: Session;
  /** Replies in the order they came. */
  readonly replies: Reply[] = [];
  /** Defects the session told of. */
  readonly complaints: unknown[] = [];
  #unique = 0;

  private constructor(
    base: MemoryBase,
    overlay: Overlay,
    { noOpen = false, writeback = false }: Choices,
  ) {
    this.base = base;
    this.overlay = overlay;
    this.adapter = new Adapter(overlay, { keepsOpen: noOpen });
    this.session = new Session({
      adapter: this.adapter,
      validity: { entry: 60, attributes: 30, negative: 10 },
      ownValidity: { entry: 600, attributes: 300, negative: 100 },
      dataMayChange: false,
      noOpen,
      writeback,
      send: (reply: Message, length: number) => this.replies.push(replyOf(reply, length)),
      complain: (error) => this.complaints.push(error),
    });
  }

  static async over(tree: MemoryTree, choices: Choices = {}): Promise<Kernel> {
    const base = memoryBase(tree);
    const storage = openMemoryStorage(new MemoryDisk());
    return new Kernel(base, await run(Overlay.open({ base, storage })), choices);
  }

  /** The same over an overlay that a test has opened. */
  static on(base: MemoryBase, overlay: Overlay, choices: Choices = {}): Kernel {
    return new Kernel(base, overlay, choices);
  }

  /** Sends a request and returns its unique. */
  send(opcode: number, nodeid: number, body?: Bytes): number {
    this.#unique += 2;
    const fields: RequestFields = { opcode, nodeid, unique: this.#unique };
    this.session.receive(requestOf({ ...fields, ...(body && { body }) }));
    return this.#unique;
  }

  /** Sends a request and returns its reply, which must be there at once. */
  ask(opcode: number, nodeid: number, body?: Bytes): Reply {
    const reply = this.replyTo(this.send(opcode, nodeid, body));
    if (!reply) throw new Error("there is no reply yet");
    return reply;
  }

  replyTo(unique: number): Reply | undefined {
    const replies = this.replies.filter((reply) => reply.unique === unique);
    if (replies.length > 1) throw new Error("a request was answered twice");
    return replies[0];
  }
}
