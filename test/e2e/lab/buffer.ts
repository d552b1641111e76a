/**
 * As much of Node's Buffer as isomorphic-git uses in a page, which has to bring one: bytes with an encoding, whose `slice`
 * is a view.
 */

type Encoding = "utf8" | "utf-8" | "hex" | "base64" | "latin1" | "binary";

function encoded(text: string, encoding: Encoding = "utf8"): Uint8Array {
  switch (encoding) {
    case "hex":
      return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
    case "base64":
      return encoded(atob(text), "latin1");
    case "latin1":
    case "binary":
      return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    default:
      return new TextEncoder().encode(text);
  }
}

function decoded(bytes: Uint8Array, encoding: Encoding = "utf8"): string {
  switch (encoding) {
    case "hex":
      return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    case "base64":
      return btoa(decoded(bytes, "latin1"));
    case "latin1":
    case "binary":
      return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    default:
      return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  }
}

class PageBuffer extends Uint8Array {
  static alloc(length: number): PageBuffer {
    return new PageBuffer(length);
  }

  static override from(source: unknown, encoding?: unknown): PageBuffer {
    if (typeof source === "string") return new PageBuffer(encoded(source, encoding as Encoding));
    return new PageBuffer(source as ArrayBuffer);
  }

  static concat(pieces: readonly Uint8Array[]): PageBuffer {
    const all = new PageBuffer(pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  static isBuffer(value: unknown): boolean {
    return value instanceof PageBuffer;
  }

  get #view(): DataView {
    return new DataView(this.buffer, this.byteOffset, this.byteLength);
  }

  override slice(from?: number, to?: number): PageBuffer {
    return this.subarray(from, to) as PageBuffer;
  }

  override toString(encoding?: Encoding, from?: number, to?: number): string {
    return decoded(this.subarray(from, to), encoding);
  }

  write(text: string, at = 0, length = this.length - at, encoding: Encoding = "utf8"): number {
    const bytes = encoded(text, encoding).subarray(0, length);
    this.set(bytes, at);
    return bytes.length;
  }

  copy(target: Uint8Array, at = 0, from = 0, to = this.length): number {
    target.set(this.subarray(from, to), at);
    return to - from;
  }

  readUInt8(at: number): number {
    return this.#view.getUint8(at);
  }

  readUInt16BE(at: number): number {
    return this.#view.getUint16(at);
  }

  readUInt32BE(at: number): number {
    return this.#view.getUint32(at);
  }

  writeUInt8(value: number, at: number): number {
    this.#view.setUint8(at, value);
    return at + 1;
  }

  writeUInt16BE(value: number, at: number): number {
    this.#view.setUint16(at, value);
    return at + 2;
  }

  writeUInt32BE(value: number, at: number): number {
    this.#view.setUint32(at, value);
    return at + 4;
  }
}

/** Makes the page have one. */
export function installBuffer(): void {
  Reflect.set(globalThis, "Buffer", PageBuffer);
}
