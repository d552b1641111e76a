/**
 * Bytes out of an archive: inflated by the runtime, never to more than was announced, and checked by length and CRC-32.
 * It waits for promises, so it belongs on the fetcher's side, where there are some.
 */
import type { FsError } from "../errno.ts";
import { crc32Of } from "./crc32.ts";
import { fetchError } from "./exchange.ts";
import type { ObjectRequest, Packing } from "./fetcher.ts";

/** The unpacked bytes. Throws an Error in words if they are not what `packing` says. */
export async function unpacked(
  bytes: Uint8Array<ArrayBuffer>,
  packing: Packing,
): Promise<Uint8Array<ArrayBuffer>> {
  const { method, size, crc32 } = packing;
  const plain = method === "stored" ? bytes : await inflated(bytes, method, size);
  if (method !== "gzip" && plain.length !== size) {
    throw new Error(`expected ${size} bytes once unpacked, got ${plain.length}`);
  }
  if (crc32 === undefined) return plain;
  const got = crc32Of(plain);
  if (got === crc32) return plain;
  throw new Error(`expected CRC-32 ${hex(crc32)}, got ${hex(got)}`);
}

/** The error of a request whose bytes could not be unpacked. */
export function flawOfPacking({ url, range }: ObjectRequest, error: unknown): FsError {
  const part = range ? ` bytes ${range.offset} to ${range.offset + range.length - 1}` : "";
  const reason = `${url}:${part} ${(error as Error).message}; the archive is damaged`;
  return fetchError("EIO", reason, error);
}

async function inflated(
  bytes: Uint8Array<ArrayBuffer>,
  method: "deflate-raw" | "gzip",
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { readable, writable } = new DecompressionStream(method);
  const writer = writable.getWriter();
  // What is wrong with the bytes shows at the reading end, too; here it would only be said twice.
  const written = writer.write(bytes).then(() => writer.close());
  written.catch(() => {});
  const reader = readable.getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done || !value) break;
    length += value.length;
    if (length > maxBytes) {
      await reader.cancel();
      throw new Error(`expected at most ${maxBytes} bytes once unpacked, got more`);
    }
    pieces.push(value);
  }
  const plain = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    plain.set(piece, at);
    at += piece.length;
  }
  return plain;
}

function hex(crc32: number): string {
  return crc32.toString(16).padStart(8, "0");
}
