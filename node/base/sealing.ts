/**
 * Objects as they are stored: compressed where that helps, named by the SHA-256 of what is stored. The same bytes give
 * the same object, on every machine with the same zlib.
 */
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip, gzipSync, inflateRaw } from "node:zlib";
import { type Inflate, referenceTo } from "../../src/index.ts";

/** An object that is ready to be stored. */
export interface SealedObject {
  /** As a manifest spells it. */
  readonly reference: string;
  /** SHA-256 of `bytes`, hex. */
  readonly sha256: string;
  /** What is stored. */
  readonly bytes: Uint8Array;
}

/** `bytes`, sealed, compressed in this thread as well as can be: parts of an index, which everybody fetches. */
export function seal(bytes: Uint8Array): SealedObject {
  return isWorthTrying(bytes) ? sealed(bytes, gzipSync(bytes, { level: 9 })) : sealedAsIs(bytes);
}

/** `bytes`, sealed, compressed in another thread; they must not be written to meanwhile. */
export async function sealElsewhere(bytes: Uint8Array): Promise<SealedObject> {
  return isWorthTrying(bytes) ? sealed(bytes, await promisify(gzip)(bytes)) : sealedAsIs(bytes);
}

/** `bytes`, sealed as they are. */
export function sealedAsIs(bytes: Uint8Array): SealedObject {
  const digest = createHash("sha256").update(bytes).digest();
  return { reference: referenceTo(digest, false), sha256: digest.toString("hex"), bytes };
}

function sealed(plain: Uint8Array, bytes: Uint8Array): SealedObject {
  if (bytes.length > plain.length - plain.length / 32) return sealedAsIs(plain);
  // The one byte of the header that depends on the system.
  bytes[9] = 255;
  const digest = createHash("sha256").update(bytes).digest();
  return { reference: referenceTo(digest, true), sha256: digest.toString("hex"), bytes };
}

/** Bytes of a sample, and bytes from which on one is taken. */
const sampleBytes = 16 * 1024;

/** Whether `bytes` may shrink: of large ones a piece from the middle is tried, at the lowest level, which costs little. */
function isWorthTrying(bytes: Uint8Array): boolean {
  if (bytes.length < 8 * sampleBytes) return bytes.length > 128;
  const middle = bytes.length >> 1;
  const samples = [0, middle].map((at) => bytes.subarray(at, at + sampleBytes));
  return samples.some((sample) => gzipSync(sample, { level: 1 }).length < 0.95 * sample.length);
}

/** Inflates by Node's zlib, which is some ten times as fast as its DecompressionStream. */
export const inflateByZlib: Inflate = async (bytes, method, maxBytes) => {
  const inflate = promisify(method === "gzip" ? gunzip : inflateRaw) as (
    bytes: Uint8Array,
    options: { maxOutputLength: number },
  ) => Promise<Buffer<ArrayBuffer>>;
  // One byte more than is allowed tells "too much" from "just enough"; zlib takes no 0.
  const plain = await inflate(bytes, { maxOutputLength: maxBytes + 1 }).catch((error) => {
    if ((error as NodeJS.ErrnoException).code !== "ERR_BUFFER_TOO_LARGE") throw error;
    return undefined;
  });
  if (plain && plain.length <= maxBytes) return plain;
  throw new Error(`expected at most ${maxBytes} bytes once unpacked`);
};
