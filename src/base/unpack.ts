/**
 * Bytes out of an archive: inflated by the runtime, never to more than was announced, and checked by length and CRC-32.
 * It waits for promises, so it belongs on the fetcher's side, where there are some.
 */
import type { FsError } from "../errno.ts";
import { crc32Of } from "./crc32.ts";
import { fetchError } from "./exchange.ts";
import type { FetchedObject, ObjectRequest, Packing } from "./fetcher.ts";

/** What `bytes` inflate to. Throws an Error in words if they do not, or hold more than `maxBytes`. */
export type Inflate = (
  bytes: Uint8Array<ArrayBuffer>,
  method: "deflate-raw" | "gzip",
  maxBytes: number,
) => Promise<Uint8Array<ArrayBuffer>>;

/** The unpacked bytes. Throws an Error in words if they are not what `packing` says. */
export async function unpacked(
  bytes: Uint8Array<ArrayBuffer>,
  packing: Packing,
  inflate: Inflate,
): Promise<Uint8Array<ArrayBuffer>> {
  const { method, size, crc32, zipMemberBytes } = packing;
  const packed = zipMemberBytes === undefined ? bytes : zipMember(bytes, zipMemberBytes);
  const plain = method === "stored" ? packed : await inflate(packed, method, size);
  if (method !== "gzip" && plain.length !== size) {
    throw new Error(`expected ${size} bytes once unpacked, got ${plain.length}`);
  }
  if (crc32 === undefined) return plain;
  const got = crc32Of(plain);
  if (got === crc32) return plain;
  throw new Error(`expected CRC-32 ${hex(crc32)}, got ${hex(got)}`);
}

/**
 * `object` with what its bytes, verified as they came, unpack to.
 * @throws EIO they are not what the request says
 */
export async function unpackedObject(
  object: FetchedObject,
  request: ObjectRequest,
  inflate: Inflate,
): Promise<FetchedObject> {
  if (!request.packing) return object;
  try {
    return { ...object, bytes: await unpacked(object.bytes, request.packing, inflate) };
  } catch (error) {
    throw flawOfPacking(request, error);
  }
}

/** The error of a request whose bytes could not be unpacked. */
export function flawOfPacking({ url, range }: ObjectRequest, error: unknown): FsError {
  const part = range ? ` bytes ${range.offset} to ${range.offset + range.length - 1}` : "";
  const reason = `${url}:${part} ${(error as Error).message}; the archive is damaged`;
  return fetchError("EIO", reason, error);
}

/**
 * The packed bytes behind the local header that `bytes` begin with. Where they begin only that header tells: its name
 * and extra fields may be longer than those of the central directory.
 */
function zipMember(bytes: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  const start = zipMemberStart(bytes);
  if (start === undefined) throw new Error("there is no member of a zip where one should begin");
  if (start + length > bytes.length) {
    throw new Error(`a member of ${length} bytes reaches into what lies behind it`);
  }
  return bytes.subarray(start, start + length);
}

/** Bytes of the fixed part of a local header. */
export const localHeaderBytes = 30;

/** How long the local header at the beginning of `bytes` is; undefined if there is none. */
export function zipMemberStart(bytes: Uint8Array): number | undefined {
  if (bytes.length < localHeaderBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== 0x04034b50) return undefined;
  return localHeaderBytes + view.getUint16(26, true) + view.getUint16(28, true);
}

/** `Inflate` as browsers and Node alike can do it. */
export async function inflateByStream(
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
