/**
 * The Content-Type of a file in the view: by its name for what sites are made of, else by its first bytes. The table is
 * ours because a service worker should be small; what it does not know a browser can only download.
 */

/** Bytes at the beginning of a file that tell its type where the name does not. */
export const headLength = 1024;

/** Types, each with the extensions that mean it. What is text otherwise shows by its first bytes. */
const table = `text/html html htm
text/css css
text/javascript js mjs cjs
text/markdown md markdown
text/vtt vtt
application/json json map
application/manifest+json webmanifest
application/xml xml
application/xhtml+xml xhtml xht
application/rss+xml rss
application/atom+xml atom
application/wasm wasm
application/pdf pdf
image/svg+xml svg svgz
image/png png
image/jpeg jpg jpeg
image/gif gif
image/webp webp
image/avif avif
image/bmp bmp
image/x-icon ico cur
font/woff woff
font/woff2 woff2
font/ttf ttf
font/otf otf
audio/mpeg mp3
audio/mp4 m4a
audio/ogg oga ogg opus
audio/wav wav
audio/flac flac
audio/aac aac
video/mp4 mp4 m4v
video/webm webm
video/ogg ogv
video/quicktime mov`;

const types: ReadonlyMap<string, string> = new Map(
  table.split("\n").flatMap((line) => {
    const [type = "", ...extensions] = line.split(" ");
    return extensions.map((extension) => [extension, type] as const);
  }),
);

/** Types whose text is UTF-8 unless something says otherwise. */
const textual = /^(text\/|application\/(json|xml)|image\/svg)|\+(json|xml)$/;

/**
 * The Content-Type for the file at `path`. `readHead` gives its first bytes, and is called only where the name alone
 * does not tell: HTML may state an encoding of its own, and a name without a known extension may still be text.
 */
export async function contentType(
  path: string,
  readHead: () => Promise<Uint8Array>,
): Promise<string> {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  const type = dot < 0 ? undefined : types.get(name.slice(dot + 1).toLowerCase());
  if (type === undefined) {
    return isText(await readHead()) ? "text/plain; charset=utf-8" : "application/octet-stream";
  }
  if (type === "text/html") {
    const head = new TextDecoder("latin1").decode(await readHead());
    if (/<meta[^>]+charset/i.test(head)) return type;
  }
  return textual.test(type) ? `${type}; charset=utf-8` : type;
}

/** Whether the first bytes of a file are those of UTF-8 text; a character cut at their end is allowed. */
function isText(head: Uint8Array): boolean {
  if (head.includes(0)) return false;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    // Not UTF-8: that is the answer.
    return false;
  }
}
