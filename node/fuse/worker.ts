/**
 * The thread that serves the device: it holds storage, base and overlay, and blocks in a loop of its own in which no
 * promise settles. What needs the network, the clock or a signal is the main thread's; they talk by messages.ts.
 */
import { writeSync } from "node:fs";
import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { drive, type Operation, refusePromises, run } from "../../src/index.ts";
import { toPlainError } from "../control/errors.ts";
import { callMethod, ownerMethods } from "../control/methods.ts";
import { replySender, serveDevice } from "./device.ts";
import { invalidationsFor } from "./invalidations.ts";
import { Bell, type MountSetup, type ToMain, type ToWorker } from "./messages.ts";
import { MountedOverlay } from "./mounted-overlay.ts";
import { RemoteFetcher } from "./remote-fetcher.ts";
import { RemoteSafeguard } from "./remote-safeguard.ts";
import { RequestLog } from "./request-log.ts";
import { Session, type Validity } from "./session.ts";

/** What the main thread gives this one at its start. */
export interface WorkerInput {
  readonly port: MessagePort;
  readonly bell: SharedArrayBuffer;
  readonly setup: MountSetup;
}

/** All changes pass through us: only a base that changes by itself makes the kernel ask again. */
const forever: Validity = { entry: 86_400, attributes: 86_400, negative: 86_400 };
const aMoment: Validity = { entry: 1, attributes: 1, negative: 1 };

/** Bytes of new data that are not left to wait for the clock. */
const earlyCommitBytes = 8 << 20;

/** Where messages of this process go, at once: this thread's own streams wait for a main thread that is asked to write. */
function writeToLog(line: string): void {
  try {
    writeSync(2, `${line}\n`);
  } catch {
    // The terminal is gone or the disk is full: a mount is worth more than its log.
  }
}

class MountWorker {
  readonly #port: MessagePort;
  readonly #bell: Bell;
  readonly #setup: MountSetup;
  readonly #fetcher: RemoteFetcher;
  readonly #safeguard: RemoteSafeguard;
  #mounted: MountedOverlay | undefined;
  #leaving = false;
  #session: Session | undefined;

  constructor({ port, bell, setup }: WorkerInput) {
    this.#port = port;
    this.#bell = new Bell(bell);
    this.#setup = setup;
    this.#fetcher = new RemoteFetcher((id, request) => this.#tell({ type: "fetch", id, request }));
    this.#safeguard = new RemoteSafeguard((id, files) =>
      this.#tell({ type: "make-safe", id, files }),
    );
  }

  async start(): Promise<void> {
    // Every name that does not exist is an error made and caught; its stack is most of what that costs.
    if (!this.#setup.debug) Error.stackTraceLimit = 0;
    this.#port.on("message", (message: ToWorker) => this.#receive(message));
    try {
      const safeguard = (files: readonly number[]) => this.#safeguard.makeSafe(files);
      this.#mounted = await run(MountedOverlay.open(this.#setup, () => this.#fetcher, safeguard));
      this.#tell({ type: "opened" });
    } catch (error) {
      this.#tell({ type: "open-failed", error: toPlainError(error) });
      this.#port.close();
    }
  }

  #receive(message: ToWorker): void {
    switch (message.type) {
      case "fetched":
        this.#fetcher.deliver(message.id, message.object);
        return;
      case "fetch-failed":
        this.#fetcher.fail(message.id, message.error);
        return;
      case "made-safe":
        if (message.error) this.#safeguard.fail(message.id, message.error);
        else this.#safeguard.done(message.id);
        return;
      case "tick":
        this.#commitPending();
        return;
      case "call":
        this.#call(message.id, message.method, message.params);
        return;
      case "serve":
        this.#serve(message.device);
        return;
      case "leave":
        this.#leaving = true;
        return;
      case "close":
        this.#close();
    }
  }

  /** Blocks until the device is gone. */
  #serve(device: number): void {
    const mounted = this.#opened();
    const { adapter } = mounted;
    const send = replySender(device);
    const log = this.#setup.debug ? new RequestLog(writeToLog) : undefined;
    const { noOpen, writeback } = this.#setup.profile;
    const dataMayChange = !adapter.overlay.base.capabilities.snapshot;
    const session = new Session({
      adapter,
      validity: dataMayChange ? aMoment : forever,
      ownValidity: forever,
      dataMayChange,
      send: log ? log.heard(send) : send,
      noOpen,
      writeback,
      complain: (error, request) => this.#complain(error, request.kind),
    });
    this.#session = session;
    refusePromises();
    serveDevice(device, log ? log.over(session) : session, () => {
      if (this.#bell.hear()) this.#drain();
      // Before writers have to wait for it.
      if (adapter.overlay.gatheredBytes > earlyCommitBytes && !mounted.isCommitting)
        this.#commitPending();
      this.#bell.dirty = adapter.overlay.dirty;
      if (session.waiting === 0) adapter.overlay.sweep();
      return !this.#leaving;
    });
    this.#close();
  }

  #commitPending(): void {
    this.#opened().commitPending((message) => this.#tell({ type: "complaint", message }));
  }

  #drain(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { message: ToWorker } | undefined;
      if (!received) return;
      this.#receive(received.message);
    }
  }

  #call(id: number, method: string, params: unknown): void {
    const { adapter } = this.#opened();
    const { writeback } = this.#setup.profile;
    if (method === "requests") {
      this.#tell({ type: "result", id, value: this.#session?.requests ?? {}, notifications: [] });
      return;
    }
    const answer = function* (): Operation<{ value: unknown; notifications: Uint8Array[] }> {
      const { value, reverted } = yield* callMethod(ownerMethods, adapter.overlay, method, params);
      return { value, notifications: yield* invalidationsFor(adapter, reverted ?? [], writeback) };
    };
    drive(
      answer(),
      ({ value, notifications }) => this.#tell({ type: "result", id, value, notifications }),
      (error) => this.#tell({ type: "call-failed", id, error: toPlainError(error) }),
    );
  }

  /** Ends this thread, once the last changes are stored. */
  #close(): void {
    this.#opened().close((failure) => {
      if (!failure) this.#tell({ type: "closed" });
      else this.#tell({ type: "close-failed", error: toPlainError(failure.error) });
      this.#port.close();
    });
  }

  #opened(): MountedOverlay {
    if (!this.#mounted) throw new Error("bug: the overlay is not open yet");
    return this.#mounted;
  }

  #complain(error: unknown, doing: string): void {
    const { message, stack } = toPlainError(error);
    const words = this.#setup.debug ? (stack ?? message) : message;
    this.#tell({
      type: "complaint",
      message: `a defect of minifo, answered with EIO (${doing}): ${words}`,
    });
  }

  #tell(message: ToMain): void {
    this.#port.postMessage(message);
  }
}

await new MountWorker(workerData as WorkerInput).start();
