/**
 * Text in every encoding that Node has a name for (encoding.ts), for programs that ask for another one than UTF-8: loaded
 * when one does.
 */
import type { Encoding } from "./encoding.ts";

/** `text` as bytes. What the encoding cannot express is lost, as in Node: the low byte stays, a wrong digit ends it. */
export function encode(text: string, encoding: Encoding): Uint8Array<ArrayBuffer> {
  switch (encoding) {
    case "utf8":
      return new TextEncoder().encode(text);
    case "utf16le":
      return Uint8Array.from(
        { length: text.length * 2 },
        (_, at) => text.charCodeAt(at >> 1) >> ((at & 1) * 8),
      );
    case "latin1":
    case "ascii":
      return Uint8Array.from({ length: text.length }, (_, at) => text.charCodeAt(at));
    case "hex":
      return encodeHex(text);
    case "base64":
    case "base64url":
      return encodeBase64(text);
  }
}

/** `bytes` as text. */
export function decode(bytes: Uint8Array, encoding: Encoding): string {
  switch (encoding) {
    case "utf8":
      return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    case "utf16le":
      // Not by TextDecoder, which would replace surrogates that are no pair.
      return textOfUnits(
        bytes.length >> 1,
        (at) => unitAt(bytes, at * 2) | (unitAt(bytes, at * 2 + 1) << 8),
      );
    case "latin1":
      return textOfUnits(bytes.length, (at) => unitAt(bytes, at));
    case "ascii":
      return textOfUnits(bytes.length, (at) => unitAt(bytes, at) & 0x7f);
    case "hex":
      return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    case "base64":
      return decodeBase64(bytes, `${alphabet}+/`, "=");
    case "base64url":
      return decodeBase64(bytes, `${alphabet}-_`, "");
  }
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

function unitAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

function textOfUnits(length: number, unit: (at: number) => number): string {
  let text = "";
  for (let from = 0; from < length; from += 8192) {
    const units = Array.from({ length: Math.min(8192, length - from) }, (_, at) => unit(from + at));
    text += String.fromCharCode(...units);
  }
  return text;
}

function encodeHex(text: string): Uint8Array<ArrayBuffer> {
  const digits = /^(?:[0-9a-f]{2})*/i.exec(text)?.[0] ?? "";
  return Uint8Array.from({ length: digits.length / 2 }, (_, at) =>
    Number.parseInt(digits.slice(at * 2, at * 2 + 2), 16),
  );
}

/** Takes both alphabets, as Node does; characters of neither are skipped, and "=" ends it. */
function encodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.ceil((text.length * 3) / 4));
  let length = 0;
  let bits = 0;
  let held = 0;
  for (const character of text) {
    if (character === "=") break;
    const standard = `${alphabet}+/`.indexOf(character);
    const digit = standard >= 0 ? standard : `${alphabet}-_`.indexOf(character);
    if (digit < 0) continue;
    bits = ((bits << 6) | digit) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[length++] = bits >> held;
    }
  }
  return bytes.slice(0, length);
}

function decodeBase64(bytes: Uint8Array, digits: string, padding: string): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const [first = 0, second, third] = bytes.subarray(at, at + 3);
    text += digits.charAt(first >> 2);
    text += digits.charAt(((first & 3) << 4) | ((second ?? 0) >> 4));
    text +=
      second === undefined ? padding : digits.charAt(((second & 15) << 2) | ((third ?? 0) >> 6));
    text += third === undefined ? padding : digits.charAt(third & 63);
  }
  return text;
}
