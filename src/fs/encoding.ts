/**
 * Text encodings by Node's names. UTF-8 is what nearly everyone asks for; a program written for `node:fs/promises` may
 * name any of the others, which encodings.ts has.
 */
import { wrongValue } from "./argument-error.ts";

/** An encoding under its plain name. */
export type Encoding = "utf8" | "utf16le" | "latin1" | "ascii" | "hex" | "base64" | "base64url";

/** The names Node accepts, in lower case. */
const names = new Map<string, Encoding>([
  ["utf8", "utf8"],
  ["utf-8", "utf8"],
  ["utf16le", "utf16le"],
  ["utf-16le", "utf16le"],
  ["ucs2", "utf16le"],
  ["ucs-2", "utf16le"],
  ["latin1", "latin1"],
  ["binary", "latin1"],
  ["ascii", "ascii"],
  ["hex", "hex"],
  ["base64", "base64"],
  ["base64url", "base64url"],
]);

/**
 * The encoding called `name`, in whatever case.
 * @throws TypeError (ERR_INVALID_ARG_VALUE) there is none of that name
 */
export function encodingOf(name: unknown): Encoding {
  const encoding = typeof name === "string" ? names.get(name.toLowerCase()) : undefined;
  if (!encoding) throw wrongValue("encoding", "is invalid encoding", name);
  return encoding;
}

/** What makes bytes of text, and text of bytes. */
export interface Coder {
  encode(text: string): Uint8Array<ArrayBuffer>;
  decode(bytes: Uint8Array): string;
}

/** UTF-8. */
export const utf8: Coder = {
  encode: (text) => new TextEncoder().encode(text),
  decode: (bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes),
};

/** The coder of `encoding`; any other than UTF-8's is loaded first. */
export async function coderOf(encoding: Encoding): Promise<Coder> {
  if (encoding === "utf8") return utf8;
  const { encode, decode } = await import("./encodings.ts");
  return {
    encode: (text) => encode(text, encoding),
    decode: (bytes) => decode(bytes, encoding),
  };
}
