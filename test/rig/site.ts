/** A small site: what the browser suites have as base, known to server and suites alike. */

/** Bytes of `large.bin`: more than one of the manifest's chunks, and no multiple of anything. */
export const largeSize = 3 * 2 ** 20 + 12_345;

/** The byte of `large.bin` at `offset`. */
export function largeByte(offset: number): number {
  return (offset * 31 + (offset >> 12)) & 0xff;
}

/** The files by path. */
export function site(): Readonly<Record<string, string | Uint8Array>> {
  return {
    "index.html":
      '<!doctype html><link rel="stylesheet" href="style/main.css"><title>Site</title><h1>Hello</h1>\n',
    "about/index.html": "<!doctype html><h1>About</h1>\n",
    "style/main.css": "h1 { color: rgb(1, 2, 3) }\n",
    "script.js": "export const answer = 42;\n",
    "notes/plain": "text without an extension\n",
    "notes/binary": Uint8Array.of(0, 1, 2, 0xff),
    "größe & <b>.txt": "a name that is almost markup\n",
    "empty.txt": "",
    "large.bin": Uint8Array.from({ length: largeSize }, (_, offset) => largeByte(offset)),
  };
}
