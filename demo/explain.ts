/**
 * Says what went wrong with a base or a storage, and what to try, to somebody who looks at the page.
 */
import { FsError } from "../web/index.ts";

/** A problem in words. */
export interface Explanation {
  readonly title: string;
  readonly text: string;
  /** Something to type into a terminal. */
  readonly command?: string;
}

/** Explains why the base at `url` could not be opened. */
export async function explainOpening(error: unknown, url: string): Promise<Explanation> {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof FsError && error.code === "EBUSY") {
    return {
      title: "Another tab runs another version of this page",
      text: "Reload that tab or close it, then try again.",
    };
  }
  const reach = await reachOf(url);
  if (reach === "refused by CORS") {
    return {
      title: "The server does not let this page read it",
      text:
        `${new URL(url).origin} answers, but without the header Access-Control-Allow-Origin, so the browser ` +
        "keeps the answer from this page. Let the server send “Access-Control-Allow-Origin: *” with every file; or, if " +
        "you have the files, serve them yourself:",
      command: "npx minifo serve DIR",
    };
  }
  if (reach === "unreachable") {
    return {
      title: "The server does not answer",
      text: `Nothing was heard from ${url}. Is the address right, and is the server running? Files of your own can be served with:`,
      command: "npx minifo serve DIR",
    };
  }
  if (error instanceof FsError && error.code === "ENOENT") {
    return {
      title: "There is no minifo base at this address",
      text: "A base is a tree of files with a minifo.json at its root, which lists them. This one has none; make it with:",
      command: "npx minifo index DIR",
    };
  }
  return { title: "The base cannot be opened", text: message };
}

/** How far a request of this page gets. An opaque answer tells nothing but that there was one. */
async function reachOf(url: string): Promise<"readable" | "refused by CORS" | "unreachable"> {
  const pointer = new URL("minifo.json", url.endsWith("/") ? url : `${url}/`);
  try {
    await fetch(pointer, { cache: "no-store" });
    return "readable";
  } catch {
    // The reason is kept from pages; the next request finds out which it was.
  }
  try {
    await fetch(pointer, { cache: "no-store", mode: "no-cors" });
    return "refused by CORS";
  } catch {
    // Not even an opaque answer came.
    return "unreachable";
  }
}
