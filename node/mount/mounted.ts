/** What every driver gives: a mounted overlay, as the process that mounted it deals with it. */

/** How a mount ended: with an `error`, not everything reached the storage. */
export interface MountOutcome {
  readonly error?: Error;
}

/** A mounted overlay. */
export interface Mounted {
  /** Its device, as `major:minor`; tells this mount from any other. */
  readonly deviceNumber: string;
  /** Settles when it is unmounted, everything is in the storage and the storage is closed; never rejects. */
  readonly ended: Promise<MountOutcome>;
  /** Runs a method of the overlay's owner; see `ownerMethods`. */
  call(method: string, params: unknown): Promise<unknown>;
  /** From now on the mount is reached through `path`, for its mountpoint is detached. */
  wakeThrough(path: string): void;
  /** Cuts it off: whoever still uses it gets errors. `ended` follows. */
  abort(): Promise<void>;
}
