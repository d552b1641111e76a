/**
 * One mount from its beginning to its end, in the process that serves it: the places are checked, a driver mounts, the
 * control socket listens, a signal or an unmount ends it, and what was changed is in the storage then.
 */
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { FsError } from "../../src/index.ts";
import type { CacheSetting } from "../base/network.ts";
import { isRemote } from "../base/open-base.ts";
import { type ControlServer, listenForCalls } from "../control/server.ts";
import { unmount } from "../fuse/device.ts";
import { isRoot } from "../fuse/fusermount.ts";
import { mountByKernel } from "../fuse/kernel-mount.ts";
import type { MountSetup } from "../fuse/messages.ts";
import { notesOn, type OwnerInfo } from "../overlay-methods.ts";
import { isMounted, mountTable } from "./mount-table.ts";
import type { Mounted, MountOutcome } from "./mounted.ts";
import type { MountWords } from "./options.ts";
import { waitForClosing } from "./owners.ts";
import { type Places, preparePlaces } from "./places.ts";
import { forgetMount, recordMount } from "./registry.ts";
import { sayIfSlow } from "./slowness.ts";
import { usersOf } from "./users.ts";
import { startWatchdog, type Watchdog } from "./watchdog.ts";

/** How the overlay comes to the kernel: its own protocol over /dev/fuse, or libfuse by way of fuse-native. */
export type Driver = "kernel" | "fuse-native";

export const drivers: readonly Driver[] = ["kernel", "fuse-native"];

/** What to mount, and how. */
export interface MountRequest extends Places {
  readonly words: MountWords;
  readonly driver: Driver;
  readonly cache: CacheSetting;
  readonly adoptBase: boolean;
  readonly debug: boolean;
}

/** Whom a mount talks to. */
export interface MountListener {
  /** Something worth knowing, as a sentence without a full stop. */
  say(message: string): void;
  /** It is mounted. */
  ready(message: string): void;
}

/** How long an owner that is closing is waited for, in ms. */
const patience_ms = 10_000;

/** How long a flush before unmounting may take, in ms. */
const flush_ms = 10_000;

/** How long those who use a mount that was told to end may finish, in ms. */
const grace_ms = 2000;

/**
 * Mounts and serves until the mount is gone. Returns how it ended.
 * @throws what kept it from being mounted; nothing is mounted then
 */
export async function serveMount(
  request: MountRequest,
  listener: MountListener,
): Promise<MountOutcome> {
  const say = (message: string): void => listener.say(message);
  const { writeback } = request.words.profile;
  if (writeback && request.driver !== "kernel") {
    throw new FsError("EINVAL", {
      syscall: "mount",
      reason: `-o writeback: the driver ${request.driver} cannot do that`,
    });
  }
  const places = await preparePlaces(request, say);
  const { base, mountpoint, storage } = places;
  // What is left then is told by opening the storage, which names the holder.
  await waitForClosing(storage, patience_ms, say);
  const { readOnly, owner, umask, profile, flags } = request.words;
  const { adoptBase, cache, debug, driver } = request;
  const setup: MountSetup = { ...places, readOnly, owner, umask, profile, cache, adoptBase, debug };
  const mounting = mountBy(driver, setup, flags, { complain: say });
  const mounted = await sayIfSlow(mounting, () => say(`still waiting for the base ${base}`));
  const served = new ServedHere(setup, mounted, listener, request.words.poll_s);
  try {
    await served.begin();
    await served.sayWhatTheBaseIs();
    if (writeback) say(sentenceOnWriteback);
    listener.ready(`mounted ${base} at ${mountpoint} (storage ${storage})`);
  } catch (error) {
    await served.stop();
    await served.finish();
    throw error;
  }
  return await served.finish();
}

async function mountBy(
  driver: Driver,
  setup: MountSetup,
  flags: readonly string[],
  events: { readonly complain: (message: string) => void },
): Promise<Mounted> {
  if (driver === "kernel") return await mountByKernel(setup, flags, events);
  const { mountByFuseNative } = await import("../fuse/native.ts");
  return await mountByFuseNative(setup, flags, events);
}

/** A mount with everything that belongs to it in this process. */
class ServedHere {
  readonly #setup: MountSetup;
  readonly #mounted: Mounted;
  readonly #listener: MountListener;
  readonly #watchdog: Watchdog;
  readonly #onSignal = (): void => void this.#signalled();
  readonly #poll_s: number;
  #control: ControlServer | undefined;
  #signals = 0;
  #polling: NodeJS.Timeout | undefined;
  #isAsking = false;
  /** What is published in the base's place, where that is another one. */
  #newer: string | undefined;

  constructor(setup: MountSetup, mounted: Mounted, listener: MountListener, poll_s: number) {
    this.#poll_s = poll_s;
    this.#setup = setup;
    this.#mounted = mounted;
    this.#listener = listener;
    this.#watchdog = startWatchdog(mounted.deviceNumber, setup.mountpoint);
    for (const signal of endSignals) process.on(signal, this.#onSignal);
  }

  async begin(): Promise<void> {
    const { mountpoint, storage } = this.#setup;
    const device = this.#mounted.deviceNumber;
    recordMount({ device, mountpoint, storage, pid: process.pid });
    this.#control = await listenForCalls(storage, (method, params) => this.#call(method, params));
    if (!isRemote(this.#setup.base) || this.#poll_s === 0) return;
    this.#polling = setInterval(() => this.#poll(), this.#poll_s * 1000);
  }

  /** As the overlay answers, and with what was found out of its base since. */
  async #call(method: string, params: unknown): Promise<unknown> {
    const value = await this.#mounted.call(method, params);
    if (method !== "info" || this.#newer === undefined) return value;
    const info = value as OwnerInfo;
    return { ...info, base: { ...info.base, newer: this.#newer } };
  }

  /** Asks whether the base has moved; the mount stays with what it began with, but that is said, once. */
  async #poll(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      const newer = ((await this.#mounted.call("poll", null)) as string | null) ?? undefined;
      const isNews = newer !== undefined && newer !== this.#newer;
      this.#newer = newer;
      if (isNews) this.#listener.say("the base has moved; remount to follow it");
    } catch {
      // It cannot be told at the moment: the next time will do, and who reads hears of it anyway.
    } finally {
      this.#isAsking = false;
    }
  }

  /** Reading goes on right whatever the base did; but nobody shall have to find out by himself. */
  async sayWhatTheBaseIs(): Promise<void> {
    const { storage } = this.#setup;
    const { base } = (await this.#mounted.call("info", null)) as OwnerInfo;
    for (const note of notesOn(base)) this.#listener.say(note);
    if (base.was === undefined) return;
    this.#listener.say(
      `the base has moved since this storage was last open; \`minifo status ${storage}\` tells which changes that concerns`,
    );
  }

  /** Waits for the end of the mount and clears up behind it. */
  async finish(): Promise<MountOutcome> {
    const outcome = await this.#mounted.ended;
    const { deviceNumber } = this.#mounted;
    clearInterval(this.#polling);
    await this.#control?.close();
    if (this.#isThere()) {
      await unmount(this.#setup.mountpoint, true).catch((error) =>
        this.#listener.say(error.message),
      );
    }
    forgetMount({ device: deviceNumber, pid: process.pid });
    this.#watchdog.dismiss();
    for (const signal of endSignals) process.off(signal, this.#onSignal);
    return outcome;
  }

  /** Brings everything to the storage and unmounts; lazily if it is in use. `ended` follows in bounded time. */
  async stop(): Promise<void> {
    const { mountpoint } = this.#setup;
    try {
      await within(flush_ms, this.#mounted.call("flush", null));
    } catch (error) {
      this.#listener.say(`not everything is in the storage yet: ${(error as Error).message}`);
    }
    if (!this.#isThere()) return;
    if (await unmount(mountpoint)) return;
    const users = usersOf(mountpoint);
    const who = users.length > 0 ? ` by ${users.join(", ")}` : "";
    this.#listener.say(`${mountpoint} is in use${who}; it is detached, and ends in a moment`);
    await this.#detach();
  }

  /** Whether it is still in the table, at its mountpoint: its device number is another mount's as soon as it is gone. */
  #isThere(): boolean {
    const { mountpoint } = this.#setup;
    const there = mountTable().filter((entry) => entry.mountpoint === mountpoint);
    return isMounted(this.#mounted.deviceNumber, there);
  }

  async #detach(): Promise<void> {
    const { mountpoint } = this.#setup;
    // Once detached the mount has no path any more; this descriptor is one, and keeps it alive until it is closed.
    const root: FileHandle = await open(mountpoint, "r");
    this.#mounted.wakeThrough(`/proc/self/fd/${root.fd}`);
    await unmount(mountpoint, true);
    await Promise.race([this.#mounted.ended, sleep(grace_ms, undefined, { ref: false })]);
    if (isRoot) await root.close();
    await Promise.race([this.#mounted.ended, sleep(grace_ms, undefined, { ref: false })]);
    await this.#mounted.abort();
    await this.#mounted.ended;
    if (!isRoot) await root.close();
  }

  async #signalled(): Promise<void> {
    this.#signals += 1;
    try {
      if (this.#signals === 1) await this.stop();
      else await this.#mounted.abort();
    } catch (error) {
      // The connection is gone already where it cannot be cut off.
      if (this.#isThere()) {
        this.#listener.say(`it cannot be unmounted: ${(error as Error).message}`);
      }
    }
  }
}

/** What a user who chose it has to know. */
const sentenceOnWriteback =
  "writeback: what is written to a file lies in the kernel until it is closed or fsynced, or half a minute; that is lost if this process is killed";

/** What asks a process to end. */
export const endSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

async function within<T>(limit_ms: number, work: Promise<T>): Promise<T> {
  const late = sleep(limit_ms, undefined, { ref: false }).then(() => {
    throw new FsError("ETIMEDOUT", { reason: `it took longer than ${limit_ms / 1000} s` });
  });
  return await Promise.race([work, late]);
}
