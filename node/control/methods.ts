/**
 * What an owner of a storage does for other processes while the storage is open: one table of methods, each an
 * operation on the overlay, so that it runs in the thread that serves the mount as well as in any other.
 */
import {
  type Change,
  FsError,
  type Operation,
  type Overlay,
  pollingBase,
  type Reverted,
} from "../../src/index.ts";
import { infoOf, sides } from "../overlay-methods.ts";

/** What a method gave. */
export interface MethodOutcome {
  /** Plain data for the caller. */
  readonly value: unknown;
  /** Names that mean something else now, so that caches above have to be told. */
  readonly reverted?: readonly Reverted[];
}

/** Does what its name says; `params` comes from another process and is checked before it is used. */
export type OwnerMethod = (overlay: Overlay, params: unknown) => Operation<MethodOutcome>;

/** The methods every owner has. */
export const ownerMethods: Readonly<Record<string, OwnerMethod>> = {
  /** Everything that differs from the base, as `Change[]`. */
  *status(overlay) {
    return { value: yield* overlay.changes() };
  },
  /** Both sides of a change, the base's and the overlay's, as `Sides`. */
  *sides(overlay, params) {
    return { value: yield* sides(overlay, changeIn(params)) };
  },
  /** Undoes the changes at and below `paths`; gives the paths that came back. */
  *revert(overlay, params) {
    const reverted = yield* overlay.revert(pathsIn(params));
    yield* overlay.commit("strict");
    return { value: reverted.map(({ path }) => path), reverted };
  },
  /** Makes everything acknowledged so far durable. */
  *flush(overlay) {
    yield* overlay.commit("strict");
    return { value: null };
  },
  /** The identity of what is published in the base's place by now; null: it is the base still, or cannot be asked. */
  *poll({ base }) {
    return { value: yield* pollingBase(base)?.poll() ?? nothing() };
  },
  /** What lies over what. */
  *info(overlay) {
    return { value: infoOf(overlay) };
  },
};

function* nothing(): Operation<null> {
  return null;
}

/**
 * Runs the method called `method`.
 * @throws ENOSYS there is no such method
 */
export function* callMethod(
  methods: Readonly<Record<string, OwnerMethod>>,
  overlay: Overlay,
  method: string,
  params: unknown,
): Operation<MethodOutcome> {
  const run = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (!run) {
    throw new FsError("ENOSYS", {
      reason: `the process that has the storage does not know "${method}"; it may be of another version`,
    });
  }
  return yield* run(overlay, params);
}

/**
 * The `paths` in a call's parameters.
 * @throws EINVAL there is no list of strings
 */
function pathsIn(params: unknown): readonly string[] {
  const paths = (params as { paths?: unknown } | null)?.paths;
  if (!Array.isArray(paths) || !paths.every((path) => typeof path === "string")) {
    throw new FsError("EINVAL", { reason: "paths must be a list of strings" });
  }
  return paths;
}

/**
 * The change in a call's parameters: as much of it as tells which path and which place in the base are meant.
 * @throws EINVAL it is none
 */
function changeIn(params: unknown): Change {
  const change = params as Partial<Change> | null;
  const paths = [change?.path, change?.from ?? "", change?.linkTo ?? ""];
  if (typeof change?.state !== "string" || !paths.every((path) => typeof path === "string")) {
    throw new FsError("EINVAL", { reason: "a change with its path and state is needed" });
  }
  return change as Change;
}
