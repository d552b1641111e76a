/**
 * A mount by the kernel's protocol, seen from the main thread: it starts the thread that serves, mounts, fetches for
 * it, and is its clock. Nothing here makes a synchronous call on the mount; the thread is woken by an asynchronous
 * statfs, which the kernel never answers by itself.
 */
import { write } from "node:fs";
import { statfs } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { Fetcher } from "../../src/index.ts";
import { networkFetcher } from "../base/network.ts";
import { fromPlainError, toPlainError } from "../control/errors.ts";
import { isMounted, mountAt } from "../mount/mount-table.ts";
import type { Mounted, MountOutcome } from "../mount/mounted.ts";
import { diskFailure } from "../storage/disk-failure.ts";
import { safeguardAside } from "../storage/safeguard.ts";
import {
  abortConnection,
  closeDevice,
  type MountOptions,
  mountDevice,
  openDevice,
  raiseReadahead,
  writeOut,
} from "./device.ts";
import { isRoot, loadSockets, mountAsUser, type Sockets } from "./fusermount.ts";
import { Bell, type MountSetup, type ToMain, type ToWorker } from "./messages.ts";
import type { WorkerInput } from "./worker.ts";

/**
 * Bytes of bytecode that V8 may put into a function it optimizes, instead of 920. The code that serves is many small
 * functions, each used by many others and compiled again within each of them: much of a short workload's time.
 */
const inlinedBytecode = 200;

/** How often it is looked whether something waits for a commit, in ms. */
const tick_ms = 250;

/** How long a ring may stay unheard on a mount that was lazily unmounted by others, before it is cut off. */
const unheard_ms = 10_000;

/** Methods that look at nothing which programs write. */
const blindMethods: ReadonlySet<string> = new Set(["info", "poll", "requests"]);

/** What is told to the user while it is mounted. */
export interface MountEvents {
  /** A sentence about something that goes on but should be known. */
  readonly complain: (message: string) => void;
}

/**
 * Opens storage and base, and mounts.
 * @throws EPERM this process may not mount, and lacks what it needs to have it done
 * @throws EBUSY, EINVAL, EIO … storage or base cannot be opened; nothing is mounted
 * @throws Error mount(8) refused; nothing is mounted
 */
export async function mountByKernel(
  setup: MountSetup,
  flags: readonly string[],
  events: MountEvents,
): Promise<Mounted> {
  setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${inlinedBytecode}`);
  // Before base and storage are opened, so that what is missing is told at once.
  const mountIt = isRoot ? mountWithDevice() : mountWithSockets(await loadSockets());
  const mount = new KernelMount(setup, events);
  try {
    await mount.opened;
  } catch (error) {
    mountIt.giveUp();
    throw error;
  }
  try {
    const options = { source: setup.base, flags };
    await mount.serve(await mountIt.at(setup.mountpoint, options));
  } catch (error) {
    await mount.giveUp();
    throw error;
  }
  return mount;
}

/** A way to mount: gives the descriptor of a device that is mounted then. */
interface Mounting {
  at(mountpoint: string, options: MountOptions): Promise<number>;
  giveUp(): void;
}

function mountWithDevice(): Mounting {
  const device = openDevice();
  return {
    async at(mountpoint, options) {
      await mountDevice(device, mountpoint, options);
      return device;
    },
    giveUp: () => closeDevice(device),
  };
}

function mountWithSockets(sockets: Sockets): Mounting {
  return {
    at: (mountpoint, options) => mountAsUser(sockets, mountpoint, options),
    giveUp: () => {},
  };
}

class KernelMount implements Mounted {
  readonly opened: Promise<void>;
  readonly ended: Promise<MountOutcome>;
  readonly #setup: MountSetup;
  readonly #events: MountEvents;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #bell = new Bell();
  readonly #calls = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: unknown) => void }
  >();
  /** Its descriptor, once it is mounted. */
  #device = -1;
  #deviceNumber = "";
  #fetcher: Fetcher | undefined;
  #nextCall = 1;
  #serving = false;
  #ticking: NodeJS.Timeout | undefined;
  #waking = false;
  #wakeAgain = false;
  /** The root as /proc/self/fd/N, once the mountpoint does not lead to the mount any more. */
  #wakePath: string;
  #unheardSince: number | undefined;
  #notified: Promise<void> = Promise.resolve();
  #settleOpened!: { resolve: () => void; reject: (error: unknown) => void };
  #settleEnded!: (outcome: MountOutcome) => void;

  constructor(setup: MountSetup, events: MountEvents) {
    this.#setup = setup;
    this.#events = events;
    this.#wakePath = setup.mountpoint;
    this.opened = new Promise((resolve, reject) => {
      this.#settleOpened = { resolve, reject };
    });
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve;
    });
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#port.on("message", (message: ToMain) => this.#receive(message));
    const input: WorkerInput = { port: port2, bell: this.#bell.shared, setup };
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), {
      workerData: input,
      transferList: [port2],
    });
    this.#worker.on("error", (error) => this.#died(error));
    this.#worker.on("exit", (code) => {
      if (code !== 0) this.#died(new Error(`the serving thread ended with code ${code}`));
    });
  }

  get deviceNumber(): string {
    return this.#deviceNumber;
  }

  /** Has the worker serve this device, which is mounted. */
  async serve(device: number): Promise<void> {
    this.#device = device;
    this.#post({ type: "serve", device });
    this.#serving = true;
    this.#deviceNumber = mountAt(this.#setup.mountpoint)?.device ?? "";
    await raiseReadahead(this.#deviceNumber);
    this.#ticking = setInterval(() => this.#tick(), tick_ms);
  }

  /** Ends the worker, which has nothing to serve. */
  async giveUp(): Promise<void> {
    if (this.#serving) await this.abort();
    else this.#post({ type: "close" });
    await this.ended;
  }

  async call(method: string, params: unknown): Promise<unknown> {
    if (this.#setup.profile.writeback && !blindMethods.has(method)) {
      // The root's descriptor is one of this process, not of the program that is to write out.
      await writeOut(this.#wakePath.replace("/proc/self/", `/proc/${process.pid}/`));
    }
    return await new Promise((resolve, reject) => {
      const id = this.#nextCall++;
      this.#calls.set(id, { resolve, reject });
      this.#post({ type: "call", id, method, params });
    });
  }

  wakeThrough(path: string): void {
    this.#wakePath = path;
  }

  async abort(): Promise<void> {
    const minor = Number(this.#deviceNumber.split(":")[1]);
    try {
      await abortConnection(minor);
    } catch (error) {
      if (isRoot) throw error;
      // An ordinary user cannot mount fusectl. The thread leaves, if it can be woken, and the end of this process, which
      // closes the device, is the connection's.
      this.#post({ type: "leave" });
    }
  }

  #receive(message: ToMain): void {
    switch (message.type) {
      case "fetch":
        this.#fetch(message);
        return;
      case "make-safe":
        this.#makeSafe(message);
        return;
      case "opened":
        this.#settleOpened.resolve();
        return;
      case "open-failed":
        this.#settleOpened.reject(fromPlainError(message.error));
        return;
      case "result": {
        const { id, value, notifications } = message;
        this.#notify(notifications).then(() => this.#take(id)?.resolve(value));
        return;
      }
      case "call-failed":
        this.#take(message.id)?.reject(fromPlainError(message.error));
        return;
      case "complaint":
        this.#events.complain(message.message);
        return;
      case "closed":
        this.#end({});
        return;
      case "close-failed":
        this.#end({ error: fromPlainError(message.error) });
    }
  }

  #take(id: number) {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call;
  }

  #fetch({ id, request }: Extract<ToMain, { type: "fetch" }>): void {
    this.#fetcher ??= networkFetcher(this.#setup.cache, this.#events.complain);
    this.#fetcher.get(request).then(
      (object) => {
        // Cloning a view clones its whole buffer; the answer itself may be shared, so it cannot be given away.
        const { bytes } = object;
        const exact = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
        this.#post({ type: "fetched", id, object: { ...object, bytes: exact } });
      },
      (error) => this.#post({ type: "fetch-failed", id, error: toPlainError(error) }),
    );
  }

  #makeSafe({ id, files }: Extract<ToMain, { type: "make-safe" }>): void {
    safeguardAside(files).then(
      () => this.#post({ type: "made-safe", id }),
      (failure) => {
        const error = toPlainError(diskFailure(failure, "commit", this.#setup.storage));
        this.#post({ type: "made-safe", id, error });
      },
    );
  }

  #post(message: ToWorker): void {
    this.#port.postMessage(message);
    if (!this.#serving) return;
    this.#bell.ring();
    this.#wake();
  }

  #wake(): void {
    if (this.#waking) {
      this.#wakeAgain = true;
      return;
    }
    this.#waking = true;
    const done = (): void => {
      this.#waking = false;
      if (this.#wakeAgain) {
        this.#wakeAgain = false;
        this.#wake();
      }
    };
    // Whether it fails does not matter (it does while the mount goes): it was the question that woke the loop.
    statfs(this.#wakePath).then(done, done);
  }

  #tick(): void {
    if (this.#bell.heard) this.#unheardSince = undefined;
    else {
      this.#unheardSince ??= Date.now();
      if (Date.now() - this.#unheardSince > unheard_ms) this.#rescue();
    }
    if (this.#bell.dirty) this.#post({ type: "tick" });
  }

  /** After a lazy unmount by others nothing wakes the loop: what waits for it would wait for ever. */
  #rescue(): void {
    this.#unheardSince = undefined;
    if (isMounted(this.#deviceNumber)) return;
    this.#events.complain("the mount was detached while it was in use; it ends now");
    this.abort().catch((error) => this.#events.complain(`it could not be ended: ${error.message}`));
  }

  /** Writes notifications to the device, one at a time, behind those of earlier calls. */
  #notify(notifications: readonly Uint8Array[]): Promise<void> {
    for (const notification of notifications) {
      this.#notified = this.#notified.then(
        () =>
          new Promise((resolve) => {
            // ENOENT: the kernel does not have it cached; anything else means that the mount is gone.
            write(this.#device, notification, () => resolve());
          }),
      );
    }
    return this.#notified;
  }

  #died(error: Error): void {
    this.#settleOpened.reject(error);
    if (this.#serving) {
      this.abort().catch((failure) =>
        this.#events.complain(`the mount could not be cut off: ${failure.message}`),
      );
    }
    this.#end({ error });
  }

  #end(outcome: MountOutcome): void {
    clearInterval(this.#ticking);
    this.#serving = false;
    this.#fetcher?.close();
    for (const { reject } of this.#calls.values()) reject(new Error("the mount has ended"));
    this.#calls.clear();
    this.#settleEnded(outcome);
  }
}
