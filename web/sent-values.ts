/** What a page sends to a worker: bytes as copies, for the caller's stay the caller's, and iterables in one piece. */
import { transfer } from "comlink";
import { buffersOf } from "./protocol.ts";

/** What a method is given. */
export type Values = readonly unknown[];

/** `values` as they can be sent: bytes as copies of their own, which are then handed over, not copied again. */
export function sendable(values: Values): Values {
  // Not by `slice`, which for a Buffer gives a view of the same memory.
  const copies = values.map((value) =>
    value instanceof Uint8Array ? new Uint8Array(value) : value,
  );
  return transfer(copies, buffersOf(copies));
}

/** All of `data` in one piece, if it is an iterable of pieces; else `data` itself. */
export async function gathered(data: unknown): Promise<unknown> {
  if (typeof data !== "object" || data === null || ArrayBuffer.isView(data)) return data;
  if (!(Symbol.asyncIterator in data) && !(Symbol.iterator in data)) return data;
  const encoder = new TextEncoder();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of data as AsyncIterable<string | ArrayBufferView<ArrayBuffer>>) {
    if (typeof piece === "string") pieces.push(encoder.encode(piece));
    else pieces.push(new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength));
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}
