/**
 * Large trees for tests, made up in memory: names, sizes and depths as in trees of packages and documentation, the same
 * for the same seed. And a site that serves what was published, counting.
 */
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import {
  Cutter,
  chunkBytes,
  type FetchedObject,
  type Fetcher,
  FsError,
  type ManifestEntry,
  type ObjectRequest,
  objectPath,
  type PutObject,
  packedBytes,
  referenceTo,
  steppedWeight,
} from "../../src/index.ts";
import { randomFrom } from "../random.ts";

const syllables =
  "al ar bo ca da de el fi ga in ka la lo ma mi ne no or pa re sa si ta to un ve".split(" ");
const kinds = [
  "struct",
  "fn",
  "trait",
  "index",
  "module",
  "class",
  "README",
  "test",
  "icon",
  "page",
];
const endings = [".html", ".html", ".js", ".json", ".txt", ".png", ".md", ""];

/** A file of a made-up tree. */
export type LargeFile = Extract<ManifestEntry, { type: "file"; sum: string }>;

/**
 * A tree with about `count` entries, in the manifest's order. Contents up to 64 KiB lie in packs as a publisher would
 * cut them, larger ones in chunks; none of these objects exists.
 */
export function largeTree(count: number, seed = 1): ManifestEntry[] {
  const random = randomFrom(seed);
  // Words come again and again, some of them more often by far, as names in real trees do.
  const words = Array.from({ length: 700 }, () => {
    const length = 2 + Math.floor(random() * 3);
    return Array.from({ length }, () => syllables[Math.floor(random() * syllables.length)]).join(
      "",
    );
  });
  const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() ** 2 * list.length)] as T;
  const entries: ManifestEntry[] = [];
  const contents = new MadeUpContents();
  let left = count;
  let packaged = 1_600_000_000;
  const directory = (path: string, depth: number): void => {
    if (depth <= 2) packaged = 1_600_000_000 + Math.floor(random() * 100_000_000);
    const mtime = { seconds: packaged, nanoseconds: 0 };
    entries.push({ path, type: "directory", mode: 0o755, mtime });
    const names = new Set<string>();
    const files = Math.min(left, Math.floor(random() ** 3 * 60));
    while (names.size < files) {
      names.add(
        `${oneOf(kinds)}.${oneOf(words)}${random() < 0.3 ? oneOf(words) : ""}${oneOf(endings)}`,
      );
    }
    left -= names.size;
    for (const name of [...names].sort()) {
      const at = path === "" ? name : `${path}/${name}`;
      const size = Math.floor(Math.exp(4 + 5 * random() + 3.2 * random() ** 4));
      entries.push({ path: at, type: "file", mode: 0o644, mtime, size, ...contents.of(at, size) });
    }
    const subdirectories = depth < 3 ? 12 : depth < 8 ? Math.floor(random() * 4.2) : 0;
    for (let one = 0; one < subdirectories && left > 0; one += 1) {
      const name = `${String(one).padStart(2, "0")}-${oneOf(words)}`;
      left -= 1;
      directory(path === "" ? name : `${path}/${name}`, depth + 1);
    }
    for (let one = 0; depth === 0 && left > 0; one += 1) {
      left -= 1;
      directory(`lib${String(one).padStart(5, "0")}-${oneOf(words)}`, 1);
    }
  };
  directory("", 0);
  return entries;
}

class MadeUpContents {
  readonly #cutter = new Cutter({ least: 640 * 1024, most: chunkBytes, oneIn: 8 });
  #pack = madeUpReference("");
  #offset = 0;

  of(path: string, size: number): Pick<LargeFile, "sum" | "content"> {
    const sum = madeUpReference(path);
    if (size === 0) return { sum, content: undefined };
    if (size > packedBytes) {
      const chunks = Math.ceil(size / chunkBytes);
      const references = Array.from({ length: chunks }, (_, at) =>
        madeUpReference(`${path} ${at}`),
      );
      return { sum, content: { chunks: references.join("") } };
    }
    const weight = steppedWeight(size);
    if (this.#offset > 0 && (this.#cutter.isCut(path) || this.#cutter.isFull(weight))) {
      this.#pack = madeUpReference(path);
      this.#offset = 0;
      this.#cutter.begin();
    }
    const content = { pack: this.#pack, offset: this.#offset };
    this.#offset += size;
    this.#cutter.add(weight);
    return { sum, content };
  }
}

function madeUpReference(text: string): string {
  return referenceTo(createHash("sha256").update(text).digest(), true);
}

/** What a site serves, in memory; counts what is asked for. */
export class CountingSite implements Fetcher {
  readonly url = "http://site.example/";
  readonly files = new Map<string, Uint8Array>();
  /** What was asked for so far, as paths below the site. */
  readonly asked: string[] = [];
  /** Bytes given so far. */
  bytes = 0;
  /** Requests that are not yet answered; they all are when `answer` is called, if `held` is set. */
  held: (() => void)[] | undefined;

  /** Keeps an object, compressed, as a publisher would. */
  readonly put: PutObject = (plain) => {
    const bytes = gzipSync(plain, { level: 9 });
    const digest = createHash("sha256").update(bytes).digest();
    this.files.set(objectPath("packed", digest.toString("hex")), bytes);
    return referenceTo(digest, true);
  };

  /** Forgets what was counted. */
  reset(): void {
    this.asked.length = 0;
    this.bytes = 0;
  }

  async get({ url, range, sha256, packing, maxBytes }: ObjectRequest): Promise<FetchedObject> {
    const path = url.slice(this.url.length);
    this.asked.push(path);
    const held = this.held;
    if (held) await new Promise<void>((resolve) => held.push(resolve));
    const found = this.files.get(path);
    if (!found) throw new FsError("ENOENT", { reason: `${url}: the server says 404` });
    const asked = range ? found.subarray(range.offset, range.offset + range.length) : found;
    this.bytes += asked.length;
    if (asked.length > maxBytes) throw new FsError("EIO", { reason: `${url}: too long` });
    const got = createHash("sha256").update(asked).digest("hex");
    if (sha256 !== undefined && sha256 !== got)
      throw new FsError("EIO", { reason: `${url}: ${got}` });
    const bytes = packing ? gunzipSync(asked, { maxOutputLength: packing.size + 1 }) : asked;
    if (packing && bytes.length > packing.size)
      throw new FsError("EIO", { reason: `${url}: swells` });
    return { bytes: Uint8Array.from(bytes), sha256: got };
  }

  close(): void {}
}
