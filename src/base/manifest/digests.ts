/**
 * How a manifest writes SHA-256 digests: 43 letters of base64 (RFC 4648, section 4, no padding) each, a third shorter
 * than hex, back to back in a column. A column stays the text it is; one digest is a slice of it. The 43rd letter has two
 * bits to spare: in a reference, which is the digest of an object as it is stored, the last one tells that it is stored
 * compressed (gzip). Else they are zero, so that one digest is one text.
 */
import { hexOf } from "../verify.ts";

/** Bytes of a digest. */
const digestBytes = 32;
/** Letters of a digest, and of a reference. */
export const digestLetters = 43;

const letters = new TextEncoder().encode(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
);
const noLetter = 64;
/** The value of each letter by its code. */
const values = new Uint8Array(128).fill(noLetter);
letters.forEach((letter, value) => {
  values[letter] = value;
});

/** The digests in `bytes`, back to back, as a column. */
export function digestColumn(bytes: Uint8Array): string {
  const count = bytes.length / digestBytes;
  const text = new Uint8Array(count * digestLetters);
  for (let digest = 0; digest < count; digest += 1) {
    let buffer = 0;
    let bits = 0;
    let at = digest * digestLetters;
    for (const byte of bytes.subarray(digest * digestBytes, (digest + 1) * digestBytes)) {
      buffer = ((buffer << 8) | byte) & 0xffff;
      bits += 8;
      for (; bits >= 6; bits -= 6) {
        text[at] = letters[(buffer >> (bits - 6)) & 63] as number;
        at += 1;
      }
    }
    text[at] = letters[(buffer << (6 - bits)) & 63] as number;
  }
  return new TextDecoder().decode(text);
}

/** Whether `text` is a column of exactly `count` digests. */
export function isDigestColumn(text: string, count: number): boolean {
  return isColumn(text, count, 0);
}

/** Whether `text` is a column of exactly `count` references. */
export function isReferenceColumn(text: string, count: number): boolean {
  return isColumn(text, count, 1);
}

function isColumn(text: string, count: number, most: number): boolean {
  if (text.length !== count * digestLetters) return false;
  for (let at = 0; at < text.length; at += 1) {
    const value = values[text.charCodeAt(at)] ?? noLetter;
    if (value === noLetter) return false;
    // The last letter of a digest carries four bits only.
    if (at % digestLetters === digestLetters - 1 && (value & 3) > most) return false;
  }
  return true;
}

/** The reference to an object whose stored bytes have this SHA-256. */
export function referenceTo(sha256: Uint8Array, compressed: boolean): string {
  const text = digestColumn(sha256);
  if (!compressed) return text;
  const last = (values[text.charCodeAt(digestLetters - 1)] as number) + 1;
  return text.slice(0, -1) + String.fromCharCode(letters[last] as number);
}

/** Whether what `reference` refers to is stored compressed. */
export function isCompressed(reference: string): boolean {
  return ((values[reference.charCodeAt(digestLetters - 1)] as number) & 1) === 1;
}

/** The digest or reference in row `row` of `column`, as the manifest spells it. */
export function digestAt(column: string, row: number): string {
  return column.slice(row * digestLetters, (row + 1) * digestLetters);
}

/** The hex digits of a digest or reference that a manifest spells `text`. */
export function hexOfDigest(text: string): string {
  const bytes = new Uint8Array(digestBytes);
  let buffer = 0;
  let bits = 0;
  let at = 0;
  for (let position = 0; position < text.length; position += 1) {
    buffer = ((buffer << 6) | (values[text.charCodeAt(position)] ?? 0)) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at] = (buffer >> bits) & 0xff;
    at += 1;
  }
  return hexOf(bytes);
}
