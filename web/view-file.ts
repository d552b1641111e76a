/**
 * One file of the view as an answer: type, validators, ranges, and a stream that is pulled piece by piece. An answer is
 * of one moment: whatever was read is used only if the file has not changed meanwhile, and a stream whose file moves ends
 * in an error.
 */
import { contentType, headLength } from "./content-type.ts";
import type { Snapshot, Snapshots, ViewedFile } from "./view.ts";
import { FileMoved, page } from "./view-pages.ts";

/** Bytes read at a time; what is no longer than this is answered whole, not as a stream. */
const piece = 256 * 1024;

/** A file that was found. */
export interface FoundPath {
  readonly storage: string;
  /** Where it was found in the overlay. */
  readonly path: string;
  readonly file: ViewedFile;
  readonly snapshot: Snapshot;
}

/** How a file is to be answered. */
export interface FileAnswer {
  /** 200 unless it stands for something that is not there. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Answers `request` with the file that was found.
 * @throws FileMoved it has another version by now, or is gone
 * @throws FsError it cannot be read
 */
export async function answerFile(
  request: Request,
  found: FoundPath,
  snapshots: Snapshots,
  { status = 200, headers: given }: FileAnswer = {},
): Promise<Response> {
  const { file, path } = found;
  const { size } = file;
  const etag = `"${file.version}"`;
  const headers: Record<string, string> = {
    ...given,
    // Asked about again each time: an edit is seen at once, and what did not change costs no bytes.
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
  };
  let range: ByteRange | undefined;
  if (status === 200) {
    headers["Accept-Ranges"] = "bytes";
    headers.ETag = etag;
    headers["Last-Modified"] = new Date(file.mtime_ms).toUTCString();
    if (matches(request.headers.get("If-None-Match"), etag)) {
      return new Response(null, { status: 304, headers });
    }
    const asked = rangeOf(request, size, etag);
    if (asked === "unsatisfiable") {
      const told = { "Content-Range": `bytes */${size}` };
      return page(416, "Range not satisfiable", `The file has ${size} bytes.`, told);
    }
    range = asked;
  }
  const version = new OpenVersion(found, snapshots);
  headers["Content-Type"] = await contentType(path, () =>
    version.read(0, Math.min(size, headLength)),
  );
  const { offset, length } = range ?? { offset: 0, length: size };
  headers["Content-Length"] = String(length);
  if (range) headers["Content-Range"] = `bytes ${offset}-${offset + length - 1}/${size}`;
  const init = { status: range ? 206 : status, headers };
  if (request.method === "HEAD") return new Response(null, init);
  // The first piece is read before anything is answered, so that what fails at once is told by a page.
  const first = await version.read(offset, Math.min(length, piece));
  if (first.length === length) return new Response(first, init);
  return new Response(stream(version, first, offset, length), init);
}

/** One version of one file. */
class OpenVersion {
  readonly #found: FoundPath;
  readonly #snapshots: Snapshots;
  #snapshot: Snapshot;
  #file: ViewedFile;

  constructor(found: FoundPath, snapshots: Snapshots) {
    this.#found = found;
    this.#snapshots = snapshots;
    this.#snapshot = found.snapshot;
    this.#file = found.file;
  }

  /**
   * The bytes from `position` on, exactly `length` of them, all of this version.
   * @throws FileMoved the file has another version by now, or is gone
   */
  async read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    const filled = await this.#file.read(position, bytes);
    // Checked after the read: a commit in between may have mixed two versions.
    await this.#check();
    if (filled < length) throw new FileMoved(this.#found.path);
    return bytes;
  }

  /** Sees that the file is what it was, and goes over to the newest snapshot. */
  async #check(): Promise<void> {
    const { storage, path, file } = this.#found;
    const now = await this.#snapshots(storage);
    if (now === this.#snapshot) return;
    const there = await now.find(path);
    if (there?.version !== file.version) throw new FileMoved(path);
    this.#file = there;
    this.#snapshot = now;
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
        const bytes = next ?? (await version.read(offset + sent, Math.min(piece, length - sent)));
        next = undefined;
        sent += bytes.length;
        controller.enqueue(bytes);
        if (sent === length) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
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
