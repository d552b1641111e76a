/** Answers of the view's own: what is not there, what failed. Names and reasons in them are text and never markup. */
import { FsError } from "../src/index.ts";

/** The file changed between two reads that must be of one moment. */
export class FileMoved extends Error {
  constructor(path: string) {
    super(`${path} changed while it was read`);
  }
}

export function notFound(path: string): Response {
  return page(404, "Not found", `There is no ${path} in this site.`);
}

/** Tells what went wrong. */
export function failure(error: unknown): Response {
  const { message } = error instanceof Error ? error : { message: String(error) };
  if (error instanceof FsError) {
    if (error.code === "ENOENT") return page(404, "Not found", message);
    if (error.code === "EACCES" || error.code === "EPERM") return page(403, "Forbidden", message);
    if (error.code === "EIO") return page(503, "The base cannot be read", message);
    if (error.code === "ESTALE") return page(503, "The base has changed", message);
  }
  if (error instanceof FileMoved) return page(503, "The file keeps changing", message);
  return page(500, "The view failed", message);
}

/** Sends a directory's URL on to the same with a slash, so that relative links in its index.html hold. */
export function redirect(url: URL): Response {
  const to = new URL(url);
  to.pathname += "/";
  return new Response(null, { status: 302, headers: { Location: to.href } });
}

/** A page of our own; `title` and `text` are text, whatever is in them. */
export function page(
  status: number,
  title: string,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const body = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${status} ${escapeMarkup(title)}</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 40rem; margin: 18vh auto; padding: 0 1.5rem }
p { overflow-wrap: anywhere }
small { opacity: 0.6 }
</style>
<h1>${escapeMarkup(title)}</h1>
<p>${escapeMarkup(text)}</p>
<small>${status} · minifo</small>
`;
  return new Response(body, {
    status,
    headers: {
      "Cache-Control": "no-store",
      "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
      "Content-Type": "text/html; charset=utf-8",
      "X-Content-Type-Options": "nosniff",
      ...headers,
    },
  });
}

/** `text` with every character that means something in HTML, text or attribute, as a reference. */
function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
