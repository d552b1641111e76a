/**
 * The view: the site with the changes applied, as answers to HTTP requests. Pure: a Request and a snapshot of the files
 * in, a Response out, so that it runs in a service worker and in a test alike. Here is what a path of the site means, as
 * the site's host would take it; how a file is answered is in view-file.ts, and a site at its own URLs in in-place.ts.
 */
import { FsError } from "../src/index.ts";
import { conventionsOf, type HostConventions, usualConventions } from "./host-conventions.ts";
import { answerFile, type FoundPath } from "./view-file.ts";
import { FileMoved, failure, notFound, page, redirect } from "./view-pages.ts";

/** How often a file that changes while it is read is read again, before the answer is 503. */
const attempts = 4;

/** What is at a path of a snapshot. */
export interface ViewedFile {
  readonly type: "file" | "directory" | "other";
  /** Bytes of a file. */
  readonly size: number;
  readonly mtime_ms: number;
  /** A file with another version has other content. Characters that may stand in an ETag. */
  readonly version: string;
  /** Whether it is the base's at this very path, with the base's content. */
  readonly isOfBase: boolean;
  /** Fills `into` from `offset` on; returns how many bytes there were, fewer only at the end. */
  read(offset: number, into: Uint8Array): Promise<number>;
}

/** The files of a storage as its last commit left them, and the base below. */
export interface Snapshot {
  /** Where the base is. */
  readonly locator: string;
  /** What is at an absolute path, symlinks followed. */
  find(path: string): Promise<ViewedFile | undefined>;
  /** Whether the base has something at a base path, whatever was done to it. */
  hasInBase(path: string): Promise<boolean>;
  /** The names in the base's root. */
  namesInBase(): Promise<readonly string[]>;
  /** The base's content of a file; undefined if there is none, or it is longer than `maxBytes`. */
  contentInBase(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
}

/**
 * Gives the files of the storage `name` as of now: the same object as before while nothing was committed. With `failed`,
 * a snapshot that could not be read, it looks at the base anew.
 * @throws ENOENT there is no such storage
 */
export type Snapshots = (name: string, failed?: Snapshot) => Promise<Snapshot>;

/** What a request asks for: a storage, and a path in it that begins with a slash. */
export interface Target {
  readonly storage: string;
  readonly path: string;
}

/** A file, and the status that it is given with: another than 200 where it stands for what is not there. */
export interface FoundOutcome extends FoundPath {
  readonly is: "file";
  readonly status: number;
}

/** What there is for a request. */
export type Outcome =
  | FoundOutcome
  /** A directory, whose URL lacks the slash at its end. */
  | { readonly is: "directory"; readonly snapshot: Snapshot; readonly isOfBase: boolean }
  | { readonly is: "absent"; readonly snapshot: Snapshot };

/**
 * Answers `request`, whose path begins with `scope`, the path of the view's root with a slash at its end; the name of
 * the storage comes next, unless all of the scope is the view of the one called `storage`. Always gives a response: what
 * fails is told by a page with status 404, 403, 500 or 503.
 */
export async function answer(
  request: Request,
  scope: string,
  snapshots: Snapshots,
  storage?: string,
): Promise<Response> {
  const url = new URL(request.url);
  const target = targetOf(url.pathname, scope, storage);
  if (!target) return withoutBodyIfHead(request, notFound(url.pathname));
  return await answerTarget(request, target, snapshots);
}

/** As `answer`, for what the request was found to ask for. */
export async function answerTarget(
  request: Request,
  target: Target,
  snapshots: Snapshots,
): Promise<Response> {
  const url = new URL(request.url);
  return await refusingAndTelling(request, () =>
    attempting(target, snapshots, async (snapshot) => {
      if (target.path === "/" && !url.pathname.endsWith("/")) return redirect(url);
      const found = await lookUp(target, snapshot);
      if (found.is === "directory") return redirect(url);
      const outcome = found.is === "file" ? found : await instead(target, snapshot);
      if (outcome.is !== "file") return notFound(target.path);
      return await answerFile(request, outcome, snapshots, { status: outcome.status });
    }),
  );
}

/** Refuses what is no reading, and tells by a page what `answering` throws. */
export async function refusingAndTelling(
  request: Request,
  answering: () => Promise<Response>,
): Promise<Response> {
  try {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return page(405, "Method not allowed", "The view can only be read.", { Allow: "GET, HEAD" });
    }
    return withoutBodyIfHead(request, await answering());
  } catch (error) {
    return withoutBodyIfHead(request, failure(error));
  }
}

/** Does `act` on the newest snapshot; again if a file moved under it, once more if the base did. */
export async function attempting<T>(
  { storage }: Target,
  snapshots: Snapshots,
  act: (snapshot: Snapshot) => Promise<T>,
): Promise<T> {
  let failed: Snapshot | undefined;
  for (let attempt = 1; ; attempt += 1) {
    const snapshot = await snapshots(storage, failed);
    try {
      return await act(snapshot);
    } catch (error) {
      if (attempt >= attempts) throw error;
      if (error instanceof FileMoved) continue;
      if (failed || !isBaseTrouble(error)) throw error;
      failed = snapshot;
    }
  }
}

/** Whether a base that is opened anew may do better: it may have been republished. */
function isBaseTrouble(error: unknown): boolean {
  return error instanceof FsError && (error.code === "EIO" || error.code === "ESTALE");
}

/** The storage and path that `pathname` means, or undefined if it can mean none. */
export function targetOf(
  pathname: string,
  scope: string,
  storage: string | undefined,
): Target | undefined {
  if (!pathname.startsWith(scope)) return undefined;
  let names: string[];
  try {
    names = pathname.slice(scope.length).split("/").map(decodeURIComponent);
  } catch {
    // Not percent-encoded UTF-8: no name is written like that.
    return undefined;
  }
  if (names.some((name) => name.includes("/") || name.includes("\0"))) return undefined;
  const of = storage ?? names.shift();
  return of ? { storage: of, path: `/${names.join("/")}` } : undefined;
}

/** What there is at the target's path: a file, a directory by its index.html, or nothing. */
export async function lookUp({ storage, path }: Target, snapshot: Snapshot): Promise<Outcome> {
  const absent = { is: "absent", snapshot } as const;
  const at = await snapshot.find(path);
  if (!at) return absent;
  const isSlashed = path.endsWith("/");
  if (at.type === "directory" && !isSlashed) {
    return { is: "directory", snapshot, isOfBase: at.isOfBase };
  }
  const file = at.type === "directory" ? await snapshot.find(`${path}index.html`) : at;
  if (file?.type !== "file" || (file === at && isSlashed)) return absent;
  const found = { storage, path: file === at ? path : `${path}index.html`, file, snapshot };
  return { is: "file", status: 200, ...found };
}

/** What the host would give in place of a path that is not there. */
export async function instead({ storage, path }: Target, snapshot: Snapshot): Promise<Outcome> {
  const { cleanUrls, fallback } = await conventionsUnder(snapshot);
  const candidates = [
    ...(cleanUrls && !path.endsWith("/") ? [{ path: `${path}.html`, status: 200 }] : []),
    ...(fallback ? [fallback] : []),
  ];
  for (const { path, status } of candidates) {
    const file = await snapshot.find(path);
    if (file?.type === "file") return { is: "file", status, storage, path, file, snapshot };
  }
  return { is: "absent", snapshot };
}

/** What the hosts of bases were found to do, by where the bases are; as long as the service worker runs. */
const conventions = new Map<string, Promise<HostConventions>>();

function conventionsUnder(snapshot: Snapshot): Promise<HostConventions> {
  const { locator } = snapshot;
  let asking = conventions.get(locator);
  if (!asking) {
    // A host that is out of reach, or withholds what is no file of the base, is not asked again for each path.
    asking = conventionsOf(snapshot).catch(() => usualConventions);
    conventions.set(locator, asking);
  }
  return asking;
}

function withoutBodyIfHead(request: Request, response: Response): Response {
  if (request.method !== "HEAD" || response.body === null) return response;
  const { status, headers } = response;
  return new Response(null, { status, headers });
}
