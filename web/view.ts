/**
 * The view: the site with the changes applied, as answers to HTTP requests for `SCOPE/STORAGE/path`. Pure: a Request
 * and a snapshot of the files in, a Response out, so that it runs in a service worker and in a test alike.
 * An answer is of one moment: whatever was read is used only if the file has not changed meanwhile, and a stream whose
 * file moves ends in an error. Names never become markup.
 */
import { lookup } from "mrmime";
import { FsError } from "../src/index.ts";

/** Bytes read at a time; what is no longer than this is answered whole, not as a stream. */
const piece = 256 * 1024;

/** Bytes at the beginning of a file that tell its type where the name does not. */
const headLength = 1024;

/** How often a file that changes while it is read is read again, before the answer is 503. */
const attempts = 4;

/** What the view needs to know of a file; `fs.promises` gives it with `{ bigint: true }`. Times are in nanoseconds. */
export interface ViewedStat {
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  isDirectory(): boolean;
  isFile(): boolean;
}

/** An open file, as `fs.promises.open` gives it. */
export interface ViewedFile {
  read(
    into: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
  close(): Promise<void>;
}

/** The files of a storage as its last commit left them. */
export interface Snapshot {
  /** Names the base under the files: the same file of another base is another version. */
  readonly baseIdentity: string;
  readonly files: {
    stat(path: string, options: { bigint: true }): Promise<ViewedStat>;
    open(path: string, flags: "r"): Promise<ViewedFile>;
  };
}

/**
 * Gives the files of the storage `name` as of now: the same object as before while nothing was committed.
 * @throws ENOENT there is no such storage
 */
export type Snapshots = (name: string) => Promise<Snapshot>;

/**
 * Answers `request`, whose path begins with `scope`, the path of the view's root with a slash at its end. Always gives
 * a response: what fails is told by a page with status 404, 403, 500 or 503.
 */
export async function answer(
  request: Request,
  scope: string,
  snapshots: Snapshots,
): Promise<Response> {
  try {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return page(405, "Method not allowed", "The view can only be read.", { Allow: "GET, HEAD" });
    }
    const response = await find(request, scope, snapshots);
    return request.method === "HEAD" ? withoutBody(response) : response;
  } catch (error) {
    return failure(error);
  }
}

/** What a request asks for: a storage, and a path in it that begins with a slash. */
interface Target {
  readonly storage: string;
  readonly path: string;
}

/** The storage and path that `pathname` means, or undefined if it can mean none. */
function targetOf(pathname: string, scope: string): Target | undefined {
  if (!pathname.startsWith(scope)) return undefined;
  let names: string[];
  try {
    names = pathname.slice(scope.length).split("/").map(decodeURIComponent);
  } catch {
    // Not percent-encoded UTF-8: no name is written like that.
    return undefined;
  }
  if (names.some((name) => name.includes("/") || name.includes("\0"))) return undefined;
  const [storage, ...rest] = names;
  if (!storage) return undefined;
  return { storage, path: `/${rest.join("/")}` };
}

async function find(request: Request, scope: string, snapshots: Snapshots): Promise<Response> {
  const url = new URL(request.url);
  const target = targetOf(url.pathname, scope);
  if (!target) return notFound(url.pathname);
  if (target.path === "/" && !url.pathname.endsWith("/")) return redirect(url);
  for (let attempt = 1; ; attempt += 1) {
    const snapshot = await snapshots(target.storage);
    try {
      const stat = await snapshot.files.stat(target.path, { bigint: true });
      if (!stat.isDirectory()) {
        // `open` follows a name with a slash after it where POSIX would not.
        if (target.path.endsWith("/")) return notFound(target.path);
        return await answerFile(request, target, snapshot, snapshots);
      }
      if (!target.path.endsWith("/")) return redirect(url);
      const index = { storage: target.storage, path: `${target.path}index.html` };
      return await answerFile(request, index, snapshot, snapshots);
    } catch (error) {
      if (error instanceof FileMoved && attempt < attempts) continue;
      if (error instanceof FsError && absences.has(error.code)) return notFound(target.path);
      throw error;
    }
  }
}

const absences: ReadonlySet<string> = new Set([
  "ENOENT",
  "ENOTDIR",
  "ENAMETOOLONG",
  "EILSEQ",
  "ELOOP",
  "EINVAL",
]);

/** The file changed between two reads that must be of one moment. */
class FileMoved extends Error {
  constructor(path: string) {
    super(`${path} changed while it was read`);
  }
}

/** One version of one file, open for reading. */
class OpenVersion {
  readonly #target: Target;
  readonly #snapshots: Snapshots;
  readonly #etag: string;
  #snapshot: Snapshot;
  #file: ViewedFile;

  constructor(
    target: Target,
    snapshots: Snapshots,
    etag: string,
    snapshot: Snapshot,
    file: ViewedFile,
  ) {
    this.#target = target;
    this.#snapshots = snapshots;
    this.#etag = etag;
    this.#snapshot = snapshot;
    this.#file = file;
  }

  /**
   * The bytes from `position` on, exactly `length` of them, all of this version.
   * @throws FileMoved the file has another version by now, or is gone
   */
  async read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.#file.read(
        bytes,
        filled,
        length - filled,
        position + filled,
      );
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    // Checked after the read: a commit in between may have mixed two versions.
    await this.#check();
    if (filled < length) throw new FileMoved(this.#target.path);
    return bytes;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** Sees that the file is what it was, and goes over to the newest snapshot. */
  async #check(): Promise<void> {
    const { storage, path } = this.#target;
    const now = await this.#snapshots(storage);
    if (now === this.#snapshot) return;
    const stat = await statIfThere(now, path);
    if (!stat || etagOf(stat, now) !== this.#etag) throw new FileMoved(path);
    const before = this.#file;
    this.#file = await now.files.open(path, "r");
    this.#snapshot = now;
    await before.close();
  }
}

async function statIfThere(snapshot: Snapshot, path: string): Promise<ViewedStat | undefined> {
  try {
    return await snapshot.files.stat(path, { bigint: true });
  } catch (error) {
    if (error instanceof FsError && absences.has(error.code)) return undefined;
    throw error;
  }
}

async function answerFile(
  request: Request,
  target: Target,
  snapshot: Snapshot,
  snapshots: Snapshots,
): Promise<Response> {
  const stat = await snapshot.files.stat(target.path, { bigint: true });
  if (!stat.isFile()) return notFound(target.path);
  const size = Number(stat.size);
  const etag = etagOf(stat, snapshot);
  const headers: Record<string, string> = {
    "Accept-Ranges": "bytes",
    // Asked about again each time: an edit is seen at once, and what did not change costs no bytes.
    "Cache-Control": "no-cache",
    ETag: etag,
    "Last-Modified": new Date(Number(stat.mtimeNs / 1_000_000n)).toUTCString(),
    "X-Content-Type-Options": "nosniff",
  };
  if (matches(request.headers.get("If-None-Match"), etag)) {
    return new Response(null, { status: 304, headers });
  }
  const range = rangeOf(request, size, etag);
  if (range === "unsatisfiable") {
    const told = { "Content-Range": `bytes */${size}` };
    return page(416, "Range not satisfiable", `The file has ${size} bytes.`, told);
  }
  const file = await snapshot.files.open(target.path, "r");
  const version = new OpenVersion(target, snapshots, etag, snapshot, file);
  let streaming = false;
  try {
    headers["Content-Type"] = await typeOf(target.path, () =>
      version.read(0, Math.min(size, headLength)),
    );
    const { offset, length } = range ?? { offset: 0, length: size };
    headers["Content-Length"] = String(length);
    if (range) headers["Content-Range"] = `bytes ${offset}-${offset + length - 1}/${size}`;
    const status = range ? 206 : 200;
    if (request.method === "HEAD") return new Response(null, { status, headers });
    // The first piece is read before anything is answered, so that what fails at once is told by a page.
    const first = await version.read(offset, Math.min(length, piece));
    if (first.length === length) return new Response(first, { status, headers });
    streaming = true;
    return new Response(stream(version, first, offset, length), { status, headers });
  } finally {
    if (!streaming) await version.close();
  }
}

/** The bytes of `version` from `offset` on, `first` already read, pulled piece by piece as they are wanted. */
function stream(
  version: OpenVersion,
  first: Uint8Array<ArrayBuffer>,
  offset: number,
  length: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let next: Uint8Array<ArrayBuffer> | undefined = first;
  let sent = 0;
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const bytes = next ?? (await version.read(offset + sent, Math.min(piece, length - sent)));
          next = undefined;
          sent += bytes.length;
          controller.enqueue(bytes);
          if (sent < length) return;
          controller.close();
        } catch (error) {
          controller.error(error);
        }
        await version.close();
      },
      cancel: () => version.close(),
    },
    { highWaterMark: 0 },
  );
}

/** A strong validator: what the file is, and over which base. */
function etagOf(stat: ViewedStat, snapshot: Snapshot): string {
  const base = encodeURIComponent(snapshot.baseIdentity).slice(-16);
  const numbers = [stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].map((n) => n.toString(36));
  return `"${numbers.join("-")}-${base}"`;
}

/** Whether an If-None-Match header names `etag` (RFC 9110, 13.1.2; weak comparison). */
function matches(header: string | null, etag: string): boolean {
  if (header === null) return false;
  return header.split(",").some((one) => ["*", etag].includes(one.trim().replace(/^W\//, "")));
}

interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * The single range asked for; undefined means the whole file: also for several ranges, for units and forms we do not
 * know, and where If-Range names another version (RFC 9110, 14.2).
 */
function rangeOf(
  request: Request,
  size: number,
  etag: string,
): ByteRange | "unsatisfiable" | undefined {
  const condition = request.headers.get("If-Range");
  if (condition !== null && condition !== etag) return undefined;
  const match = /^bytes=(\d*)-(\d*)$/.exec(request.headers.get("Range")?.trim() ?? "");
  if (!match) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return undefined;
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { offset: size - length, length };
  }
  const offset = Number(first);
  if (offset >= size) return "unsatisfiable";
  if (last !== "" && Number(last) < offset) return undefined;
  const end = last === "" ? size : Math.min(Number(last) + 1, size);
  return { offset, length: end - offset };
}

/** Types whose text is UTF-8 unless something says otherwise. */
const textual =
  /^(text\/|application\/(javascript|json|manifest\+json|xml)|image\/svg)|\+(json|xml)$/;

/**
 * The Content-Type for the file at `path`. `readHead` gives its first bytes, and is called only where the name alone
 * does not tell: HTML may state an encoding of its own, and a name without a known extension may still be text.
 */
async function typeOf(path: string, readHead: () => Promise<Uint8Array>): Promise<string> {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const type = name.includes(".") ? lookup(name) : undefined;
  if (type === undefined) {
    return isText(await readHead()) ? "text/plain; charset=utf-8" : "application/octet-stream";
  }
  if (type === "text/html") {
    const head = new TextDecoder("latin1").decode(await readHead());
    if (/<meta[^>]+charset/i.test(head)) return type;
  }
  return textual.test(type) ? `${type}; charset=utf-8` : type;
}

/** Whether the first bytes of a file are those of UTF-8 text; a character cut at their end is allowed. */
function isText(head: Uint8Array): boolean {
  if (head.includes(0)) return false;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    // Not UTF-8: that is the answer.
    return false;
  }
}

/** Sends a directory's URL on to the same with a slash, so that relative links in its index.html hold. */
function redirect(url: URL): Response {
  const to = new URL(url);
  to.pathname += "/";
  return new Response(null, { status: 302, headers: { Location: to.href } });
}

function withoutBody(response: Response): Response {
  if (response.body === null) return response;
  const { status, headers } = response;
  return new Response(null, { status, headers });
}

function notFound(path: string): Response {
  return page(404, "Not found", `There is no ${path} in this site.`);
}

function failure(error: unknown): Response {
  const { message } = error instanceof Error ? error : { message: String(error) };
  if (error instanceof FsError) {
    if (error.code === "ENOENT") return page(404, "Not found", message);
    if (error.code === "EACCES" || error.code === "EPERM") return page(403, "Forbidden", message);
    if (error.code === "EIO") return page(503, "The base cannot be read", message);
  }
  if (error instanceof FileMoved) return page(503, "The file keeps changing", message);
  return page(500, "The view failed", message);
}

/** A page of our own; `title` and `text` are text, whatever is in them. */
function page(
  status: number,
  title: string,
  text: string,
  headers: Record<string, string> = {},
): Response {
  const body = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${status} ${escapeMarkup(title)}</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 40rem; margin: 18vh auto; padding: 0 1.5rem }
p { overflow-wrap: anywhere }
small { opacity: 0.6 }
</style>
<h1>${escapeMarkup(title)}</h1>
<p>${escapeMarkup(text)}</p>
<small>${status} · minifo</small>
`;
  return new Response(body, {
    status,
    headers: {
      "Cache-Control": "no-store",
      "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
      "Content-Type": "text/html; charset=utf-8",
      "X-Content-Type-Options": "nosniff",
      ...headers,
    },
  });
}

/** `text` with every character that means something in HTML, text or attribute, as a reference. */
function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
