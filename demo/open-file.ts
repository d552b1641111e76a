/**
 * The file in the editor: shown as text, as a picture or by its name, saved half a second after the last key, or shown as
 * what differs from the base. What was typed is never shown over: it is saved first, or given up by a revert. Path and
 * content change in one go, so that what is typed is saved where it belongs; who asked last for a file sees it.
 */
import type { Remote } from "comlink";
import type { Change } from "../web/index.ts";
import { differences } from "./differences.ts";
import { Editor, textOf } from "./editor.ts";
import { byId, element, icon } from "./element.ts";
import { attempt } from "./notice.ts";
import { extensionOf, nameOf } from "./paths.ts";
import { remember } from "./place.ts";
import type { KeptSite, SiteKeeper } from "./site-keeper.ts";
import { sizeInWords } from "./size-in-words.ts";

/** Milliseconds without a key before a file is saved. */
const autosave_ms = 500;

/** Bytes up to which a file is opened as text. */
const largestText = 4 * 2 ** 20;

/** Shown as pictures; SVG is text that people edit. */
const pictures = new Set(["png", "jpg", "jpeg", "gif", "webp", "avif", "ico", "bmp"]);

/** Whom it tells. */
export interface OpenFileListener {
  /** What was typed is stored. */
  saved(): Promise<void>;
  /** Something else is shown, or in another way. */
  shown(): void;
}

/** See the head of this file. */
export class OpenFile {
  readonly #title = byId("editor-title", HTMLElement);
  readonly #saved = byId("saved", HTMLElement);
  readonly #keeper: Remote<SiteKeeper>;
  readonly #fs: KeptSite["fs"];
  readonly #listener: OpenFileListener;
  readonly #editor: Editor;
  #path: string | undefined;
  #showsDiff = false;
  /** How often a file was asked for: what comes after a later one was asked for is not shown. */
  #asked = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The last save, so that saves follow one another. */
  #saving: Promise<void> = Promise.resolve();

  constructor({ keeper, fs }: KeptSite, listener: OpenFileListener) {
    this.#keeper = keeper;
    this.#fs = fs;
    this.#listener = listener;
    this.#editor = new Editor(byId("editor", HTMLElement), () => this.#typed());
    this.#showNone();
  }

  /** Its path; undefined while there is none. */
  get path(): string | undefined {
    return this.#path;
  }

  get showsDiff(): boolean {
    return this.#showsDiff;
  }

  /** Whether it is in the editor as text. */
  get isText(): boolean {
    return this.#editor.text !== undefined;
  }

  /**
   * Shows the file at `path`, once what was typed in the one before is saved; until then, and if it fails, that one stays.
   * Returns whether it is shown: not if another one was asked for meanwhile.
   */
  async open(path: string): Promise<boolean> {
    this.#asked += 1;
    const asked = this.#asked;
    let show: () => void;
    do {
      await this.save();
      show = await this.#read(path);
      // Something may have been typed while it was read.
    } while (this.#isUnsaved || this.#isSaving);
    if (asked !== this.#asked) return false;
    this.#path = path;
    this.#showsDiff = false;
    remember({ file: path });
    this.#title.replaceChildren(element("bdi", {}, path));
    this.#say("", "");
    show();
    this.#listener.shown();
    return true;
  }

  /** Saves it if it was typed in since it was last saved. */
  save(): Promise<void> {
    this.#saving = this.#saving.catch(() => {}).then(() => this.#saveNow()); // Whoever saved was told.
    return this.#saving;
  }

  /** Forgets what was typed and is not saved. */
  giveUp(): void {
    clearTimeout(this.#timer);
    this.#say("", "saved");
  }

  /** Shows it again after something else changed it; closes it if it is gone. */
  async showAgain(): Promise<void> {
    const path = this.#path;
    if (path === undefined) return;
    try {
      const show = await this.#read(path);
      if (path !== this.#path || this.#isUnsaved) return;
      this.#showsDiff = false;
      show();
      this.#listener.shown();
    } catch (error) {
      if ((error as { code?: unknown }).code !== "ENOENT") throw error;
      if (path === this.#path) this.close();
    }
  }

  /** Resolves when no save is under way. */
  async settled(): Promise<void> {
    await this.#saving.catch(() => {}); // Whoever saved was told.
  }

  /** Shows it again if another tab made something else of it; not over what was typed, nor over differences. */
  async follow(): Promise<void> {
    if (this.#path === undefined || this.#isUnsaved || this.#showsDiff) return;
    const isAsShown = await this.#isAsShown(this.#path);
    // Something may have been typed while it was read.
    if (!isAsShown && !this.#isUnsaved) await this.showAgain();
  }

  /** Takes note that it lies at `path` by now: what is typed is saved there. */
  moved(path: string): void {
    this.#path = path;
  }

  /** Closes it; it is no longer in the address. */
  close(): void {
    this.#path = undefined;
    remember({ file: undefined });
    this.#showNone();
    this.#listener.shown();
  }

  /** Shows what differs from the base, of which `change` tells, or the file again. */
  async toggleDiff(change: Change | undefined): Promise<void> {
    const path = this.#path;
    if (path === undefined) return;
    await this.save();
    if (this.#showsDiff) {
      await this.showAgain();
      return;
    }
    const before =
      change?.state === "created"
        ? new Uint8Array()
        : await this.#keeper.original(change?.from ?? path);
    const after = await this.#fs.readFile(`/${path}`);
    if (path !== this.#path) return;
    this.#showsDiff = true;
    const [a, b] = [textOf(before), textOf(after)];
    this.#editor.showInstead(
      a === undefined || b === undefined
        ? element("figure", {}, "Binary contents differ.")
        : differences(a, b),
    );
    this.#listener.shown();
  }

  focus(): void {
    this.#editor.focus();
  }

  get #isUnsaved(): boolean {
    return this.#saved.dataset.state === "unsaved";
  }

  get #isSaving(): boolean {
    return this.#saved.dataset.state === "saving";
  }

  #say(text: string, state?: "unsaved" | "saving" | "saved" | ""): void {
    this.#saved.textContent = text;
    if (state !== undefined) this.#saved.dataset.state = state;
  }

  #typed(): void {
    this.#say("Unsaved", "unsaved");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => attempt(() => this.save()), autosave_ms);
  }

  async #saveNow(): Promise<void> {
    const { text } = this.#editor;
    const path = this.#path;
    if (!this.#isUnsaved) return;
    clearTimeout(this.#timer);
    if (path === undefined || text === undefined) {
      // What was typed has made room for something that is no text.
      this.#say("", "");
      return;
    }
    this.#say("Saving…", "saving");
    try {
      await this.#fs.writeFile(`/${path}`, text);
    } catch (error) {
      this.#say("Not saved", "unsaved");
      throw error;
    }
    // What was typed meanwhile is unsaved still.
    if (this.#isSaving) this.#say("Saved", "saved");
    await this.#listener.saved();
  }

  async #isAsShown(path: string): Promise<boolean> {
    const { text } = this.#editor;
    if (text === undefined) return false;
    try {
      return textOf(await this.#fs.readFile(`/${path}`)) === text;
    } catch (error) {
      if ((error as { code?: unknown }).code === "ENOENT") return false;
      throw error;
    }
  }

  /** Reads what is to be shown of the file at `path`; returns what shows it. */
  async #read(path: string): Promise<() => void> {
    const size = await this.#keeper.size(`/${path}`);
    const isPicture = pictures.has(extensionOf(path));
    const isShort = isPicture || size <= largestText;
    const bytes = isShort ? await this.#fs.readFile(`/${path}`) : undefined;
    if (isPicture && bytes) return () => this.#showPicture(path, bytes);
    const text = bytes && textOf(bytes);
    if (text !== undefined) return () => this.#editor.show(path, text);
    return () => this.#editor.showInstead(element("figure", {}, icon("file"), caption(path, size)));
  }

  #showPicture(path: string, bytes: Uint8Array): void {
    const src = URL.createObjectURL(new Blob([new Uint8Array(bytes)]));
    const picture = element("img", { src, alt: nameOf(path) });
    for (const end of ["load", "error"]) {
      picture.addEventListener(end, () => URL.revokeObjectURL(src), { once: true });
    }
    this.#editor.showInstead(element("figure", {}, picture, caption(path, bytes.length)));
  }

  #showNone(): void {
    this.#editor.showInstead(element("figure", {}, icon("file"), "Choose a file to edit it."));
    this.#title.textContent = "";
    this.#say("", "");
  }
}

function caption(path: string, size: number): HTMLElement {
  return element("figcaption", {}, nameOf(path), element("small", {}, sizeInWords(size)));
}
