/** The overlay of a mount, from the storage's opening to its closing: the same for every driver, in whatever thread. */
import { hash } from "node:crypto";
import { drive, type Fetcher, FsError, type Operation, Overlay } from "../../src/index.ts";
import { openBase } from "../base/open-base.ts";
import { toPlainError } from "../control/errors.ts";
import { type DiskStorage, openDiskStorage } from "../storage/disk.ts";
import type { Safeguard } from "../storage/safeguard.ts";
import { Adapter } from "./adapter.ts";
import type { MountSetup } from "./messages.ts";

/** SHA-256 by the runtime: a base object is numbered by it, and that is a good part of finding one. */
const digest = (bytes: Uint8Array): Uint8Array => hash("sha256", bytes, "buffer");

/** Tries, a second apart, to bring the last changes to a storage that takes none when the mount ends. */
const lastTries = 10;

/** What is open while a mount is there. */
export class MountedOverlay {
  readonly adapter: Adapter;
  readonly #storage: DiskStorage;
  #committing = false;
  /** The complaint made last about commits that fail, so that it is made once. */
  #complaint: string | undefined;

  private constructor(adapter: Adapter, storage: DiskStorage) {
    this.adapter = adapter;
    this.#storage = storage;
  }

  /**
   * Opens storage, base and overlay. Commits use `safeguard`, or make files safe in place.
   * @throws what each of them throws; nothing stays open then
   */
  static *open(
    setup: MountSetup,
    fetcher: () => Fetcher,
    safeguard?: Safeguard,
  ): Operation<MountedOverlay> {
    const { base: locator, mountpoint, readOnly, owner, umask, profile, adoptBase } = setup;
    const storage = openDiskStorage(setup.storage, {
      holder: `mounted at ${mountpoint}`,
      ...(safeguard && { safeguard }),
    });
    try {
      const base = yield* openBase(locator, fetcher, profile);
      // A storage that is new has to be begun; the kernel lets no change through to it then.
      const isNew = (yield* storage.superblock()) === undefined;
      const options = { base, storage, owner, adoptBase, readOnly: readOnly && !isNew, digest };
      const overlay = yield* Overlay.open(options);
      return new MountedOverlay(
        new Adapter(overlay, { umask, keepsOpen: profile.noOpen }),
        storage,
      );
    } catch (error) {
      yield* storage.close();
      throw error;
    }
  }

  get overlay(): Overlay {
    return this.adapter.overlay;
  }

  /** Whether what was pending when it was told to commit is on its way. */
  get isCommitting(): boolean {
    return this.#committing;
  }

  /**
   * Commits what is pending, unless that is under way: then changes wait from now on until it has ended, so that what
   * was acknowledged is never much older than a commit. `complain` hears, once, if it cannot be at the moment.
   */
  commitPending(complain: (message: string) => void): void {
    if (this.#committing) this.overlay.hasten();
    if (this.#committing || !this.overlay.dirty) return;
    this.#committing = true;
    drive(
      this.adapter.commit("relaxed"),
      () => {
        this.#committing = false;
        this.#complaint = undefined;
      },
      (error) => {
        this.#committing = false;
        const { message } = toPlainError(error);
        if (message === this.#complaint) return;
        this.#complaint = message;
        complain(
          `changes cannot be stored at the moment; they are kept in memory and tried again: ${message}`,
        );
      },
    );
  }

  /**
   * Brings the last changes to the storage and closes everything; `ended` hears how it went. Needs timers, should the
   * storage take nothing at first.
   */
  close(ended: (failure?: { readonly error: unknown }) => void): void {
    this.#storage.announceClosing();
    this.#close(lastTries, ended);
  }

  #close(tries: number, ended: (failure?: { readonly error: unknown }) => void): void {
    const { overlay } = this;
    const close = function* (): Operation<void> {
      yield* overlay.commit("strict");
      yield* overlay.close();
    };
    drive(
      close(),
      () => ended(),
      (error) => {
        const helps = error instanceof FsError && error.code !== "ESTALE" && tries > 1;
        if (helps) setTimeout(() => this.#close(tries - 1, ended), 1000);
        else ended({ error });
      },
    );
  }
}
