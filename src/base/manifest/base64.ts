/**
 * Base64 (RFC 4648, section 4) without padding: how a manifest writes columns of digests. A third shorter than hex.
 * Decoding takes the canonical form only, so that the same bytes have one spelling.
 */

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const values = new Map<number, number>(
  Array.from(alphabet, (letter, value) => [letter.charCodeAt(0), value]),
);

/** `bytes` in base64, without padding. */
export function encodeBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += alphabet.charAt(group >> 18) + alphabet.charAt((group >> 12) & 63);
    if (left > 1) text += alphabet.charAt((group >> 6) & 63);
    if (left > 2) text += alphabet.charAt(group & 63);
  }
  return text;
}

/** The bytes that `text` spells, or undefined if it does not spell exactly `length` bytes in canonical base64. */
export function decodeBase64(text: string, length: number): Uint8Array<ArrayBuffer> | undefined {
  // Compared before anything is allocated: the length may be a claim.
  if (text.length !== Math.ceil((length * 4) / 3)) return undefined;
  const bytes = new Uint8Array(length);
  let buffer = 0;
  let bits = 0;
  let at = 0;
  for (let position = 0; position < text.length; position += 1) {
    const value = values.get(text.charCodeAt(position));
    if (value === undefined) return undefined;
    buffer = ((buffer << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at] = (buffer >> bits) & 0xff;
    at += 1;
  }
  return (buffer & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}
