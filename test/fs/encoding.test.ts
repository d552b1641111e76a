/** Encodings, compared with what Node's Buffer makes of the same text and bytes. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Encoding } from "../../src/fs/encoding.ts";
import { decode, encode } from "../../src/fs/encodings.ts";

const encodings: readonly Encoding[] = [
  "utf8",
  "utf16le",
  "latin1",
  "ascii",
  "hex",
  "base64",
  "base64url",
];

test.each(encodings)("bytes decode as %s as Buffer decodes them", (encoding) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect(decode(bytes, encoding)).toBe(Buffer.from(bytes).toString(encoding));
    }),
  );
});

test.each(encodings)("text encodes as %s as Buffer encodes it", (encoding) => {
  // What is no digit at all ends or is skipped by us; Buffer looks at the low byte of it.
  const hasDigits = encoding.startsWith("base64") || encoding === "hex";
  const unit = hasDigits ? "grapheme-ascii" : "binary";
  const likely = fc.string({ unit, maxLength: 20 });
  const digits = fc.string({ unit: fc.constantFrom(..."09afAFzZ+/-_= é\n"), maxLength: 20 });
  fc.assert(
    fc.property(fc.oneof(likely, digits), (text) => {
      expect(Array.from(encode(text, encoding))).toEqual(Array.from(Buffer.from(text, encoding)));
    }),
  );
});

test("text that is encoded and decoded again is the same", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      for (const encoding of ["utf8", "utf16le"] as const) {
        expect(decode(encode(text, encoding), encoding)).toBe(text);
      }
    }),
  );
});
