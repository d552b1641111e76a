/**
 * The room for a site's changes, in the status bar: what its origin stores, of how much, and whether the browser promised to
 * keep it; a click tells what that means and what to do. The browser is asked for that promise at the reader's first change,
 * not before there is anything to keep. Most browsers refuse a frame, as the keeper is one; so the reader can have it asked
 * by a tab of the site's origin.
 */
import type { Remote } from "comlink";
import type { OriginSpace } from "../web/index.ts";
import { askConsent, tell } from "./dialog.ts";
import type { KeptSite, SiteKeeper } from "./site-keeper.ts";
import { keepPath } from "./site-origin.ts";
import { sizeInWords } from "./size-in-words.ts";

/** See the head of this file. */
export class Room {
  readonly #button: HTMLButtonElement;
  readonly #keeper: Remote<SiteKeeper>;
  readonly #origin: string;
  readonly #failed: (error: unknown) => void;
  #hasAsked = false;

  /** `failed` is told of what went wrong when nobody waits for it. */
  constructor(
    button: HTMLButtonElement,
    { keeper, origin }: KeptSite,
    failed: (error: unknown) => void,
  ) {
    this.#button = button;
    this.#keeper = keeper;
    this.#origin = origin;
    this.#failed = failed;
    button.addEventListener("click", () => {
      this.#explain().catch(failed);
    });
  }

  /** Shows it as it is by now. */
  async show(): Promise<void> {
    const room = await this.#keeper.room();
    this.#button.hidden = room === undefined;
    if (!room) return;
    this.#button.dataset.kept = String(room.isPersistent);
    const kept = room.isPersistent ? "Kept" : "The browser may clear this when the disk fills";
    this.#button.textContent = `${inUse(room)} · ${kept}`;
  }

  /** The reader has changed something: the first time, the browser is asked to keep it. Nobody waits for the answer. */
  changed(): void {
    if (this.#hasAsked) return;
    this.#hasAsked = true;
    this.#ask().catch(this.#failed);
  }

  async #ask(): Promise<void> {
    if ((await this.#keeper.room())?.isPersistent) return;
    await this.#keeper.askToKeep();
    await this.show();
  }

  async #explain(): Promise<void> {
    const room = await this.#keeper.room();
    if (!room) return;
    const where = `Your changes, and what was fetched of the site, are in this browser on this machine: ${inUse(room)}.`;
    if (room.isPersistent) {
      const kept =
        "The browser promised to delete none of it by itself. It is gone when you clear the browser's data of this site.";
      await tell({ title: "Kept in this browser", text: [where, kept] });
      return;
    }
    const notKept =
      "The browser has not promised to keep it: when the disk fills, it may clear what was not used for long. Leave some of the disk free, or ask the browser; a tab of the site opens to do so.";
    const title = "Stored in this browser, for now";
    if (await askConsent({ title, text: [where, notKept], action: "Ask the browser" })) {
      window.open(this.#origin + keepPath);
    }
  }
}

function inUse({ usage, quota }: OriginSpace): string {
  return `${sizeInWords(usage)} of ${sizeInWords(quota)}`;
}
