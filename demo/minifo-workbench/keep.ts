/**
 * Asks the browser to keep what a site's origin stores, in a tab of that origin: browsers take this question from a tab, and
 * most of them from no frame. The answer is marked in the origin's own storage, which goes when the rest does.
 */
import { persistStorages } from "../../web/index.ts";
import { byId, element } from "../element.ts";
import { markKept } from "./kept.ts";

/** Milliseconds for the reader to answer. */
const patience_ms = 10 * 60_000;

const isKept = (await persistStorages(patience_ms)) === "persistent";
if (isKept) markKept();
const close = element("button", { type: "button", class: "primary" }, "Close this tab");
close.addEventListener("click", () => window.close());
byId("keeping", HTMLElement).replaceChildren(
  element("h2", {}, isKept ? "Kept" : "Not promised"),
  element(
    "p",
    {},
    isKept
      ? "The browser promised to delete none of this site's changes by itself."
      : "The browser did not agree. Firefox asks you; Chromium and Safari decide by themselves, and keep what is used often, has a bookmark or is installed. Bookmark this page, or come back to it, and ask again.",
  ),
  close,
);
close.focus();
