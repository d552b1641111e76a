/**
 * The workbench: opens a base by its URL, and puts tree, editor, preview and list of changes on one overlay. What is to
 * be opened stands in the address after the #, so that a reload or a bookmark comes back to it.
 */
import { proxy, type Remote } from "comlink";
import type { Change, OverlayChangeEvent } from "../web/index.ts";
import { showChanges } from "./changes.ts";
import { askConsent, askText } from "./dialog.ts";
import { differences } from "./differences.ts";
import { Editor, textOf } from "./editor.ts";
import { byId, element, icon } from "./element.ts";
import { type Explanation, explainOpening } from "./explain.ts";
import { extensionOf, isWithin, join, nameOf, parentOf } from "./paths.ts";
import { Preview } from "./preview.ts";
import { Room } from "./room.ts";
import { type KeptSite, keepSite, type SiteKeeper } from "./site-keeper.ts";
import { homeAddress } from "./site-origin.ts";
import { sizeInWords } from "./size-in-words.ts";
import { Tree, type TreeEntry } from "./tree.ts";

/** Milliseconds without a key before a file is saved. */
const autosave_ms = 500;

/** Milliseconds in which changes are taken for one. */
const changed_ms = 100;

/** Bytes up to which a file is opened as text. */
const largestText = 4 * 2 ** 20;

const images = new Set(["png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "ico", "bmp"]);
const pages = new Set(["html", "htm", "xhtml"]);

const places = {
  title: byId("editor-title", HTMLElement),
  saved: byId("saved", HTMLElement),
  notice: byId("notice", HTMLElement),
  changes: byId("changes", HTMLElement),
  count: byId("change-count", HTMLElement),
  revertAll: byId("revert-all", HTMLButtonElement),
  showDiff: byId("show-diff", HTMLButtonElement),
  revertFile: byId("revert-file", HTMLButtonElement),
  base: byId("status-base", HTMLElement),
  traffic: byId("status-traffic", HTMLElement),
  state: byId("status-state", HTMLElement),
};

/** One opened site, with everything the page shows of it. */
class Workbench {
  readonly #overlay: Remote<SiteKeeper>;
  readonly #fs: KeptSite["fs"];
  readonly #tree: Tree;
  readonly #editor: Editor;
  readonly #preview: Preview;
  readonly #room: Room;
  #changes: readonly Change[] = [];
  /** The file in the editor. */
  #file: string | undefined;
  #showsDiff = false;
  /** The file in the editor may have been changed by another tab. */
  #fileMoved = false;
  #changedTimer: ReturnType<typeof setTimeout> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The last save, so that saves follow one another. */
  #saving: Promise<void> = Promise.resolve();

  constructor(site: KeptSite) {
    this.#overlay = site.keeper;
    this.#fs = site.fs;
    this.#tree = new Tree(byId("tree", HTMLElement), {
      list: (directory) => this.#list(directory),
      opened: (path) => this.#try(() => this.open(path)),
      failed: showFailure,
    });
    this.#editor = new Editor(byId("editor", HTMLElement), () => this.#typed());
    this.#preview = new Preview(
      {
        frame: byId("preview", HTMLIFrameElement),
        path: byId("preview-path", HTMLElement),
        open: byId("preview-open", HTMLAnchorElement),
      },
      site,
    );
    this.#room = new Room(byId("status-room", HTMLButtonElement), site, showFailure);
    this.#showNoFile();
    this.#listen();
  }

  /** Shows the tree, and the page or file to begin with. */
  async begin(file: string | undefined): Promise<void> {
    await this.#overlay.follow(
      proxy((told) => {
        if ("changes" in told) this.#changed(told.changes);
        else if ("isKept" in told) this.#try(() => this.#room.show());
        else
          showNotice({ title: "The changes are gone", text: told.lost }, () => location.reload());
      }),
    );
    await this.#refresh();
    const names = await this.#list("");
    const has = (name: string): boolean => names.some((entry) => entry.name === name);
    const first = file ?? ["index.html", "README.md"].find(has);
    this.#preview.show("");
    if (first === undefined) return;
    try {
      await this.open(first);
    } catch (error) {
      // The address may name a file that is gone; the site opens all the same.
      if ((error as { code?: unknown }).code !== "ENOENT") throw error;
    }
  }

  /** Shows what was changed here or in another tab, once for all that was changed together. */
  #changed(changes: OverlayChangeEvent["changes"]): void {
    const open = this.#file;
    const isOpen = (path: string): boolean => open !== undefined && isWithin(path, `/${open}`);
    if (!changes || changes.some(({ path }) => isOpen(path))) this.#fileMoved = true;
    this.#changedTimer ??= setTimeout(() => {
      this.#changedTimer = undefined;
      this.#try(() => this.#showChanged());
    }, changed_ms);
  }

  async #showChanged(): Promise<void> {
    await this.#saving.catch(() => {}); // Whoever saved was told.
    await this.#refresh();
    this.#preview.reload();
    const moved = this.#fileMoved && places.saved.dataset.state !== "unsaved";
    this.#fileMoved = false;
    const path = this.#file;
    if (!moved || path === undefined || this.#showsDiff) return;
    const { text } = this.#editor;
    const isSame =
      text !== undefined &&
      (await this.#exists(path)) &&
      textOf(await this.#fs.readFile(`/${path}`)) === text;
    if (!isSame) await this.#showAgain();
  }

  /** Opens the file at `path` in the editor, and in the preview if it is a page. */
  async open(path: string): Promise<void> {
    await this.#save();
    const size = await this.#overlay.size(`/${path}`);
    this.#file = path;
    this.#showsDiff = false;
    remember({ file: path });
    places.title.replaceChildren(element("bdi", {}, path));
    places.saved.textContent = "";
    await this.#showFile(path, size);
    if (pages.has(extensionOf(path))) this.#preview.show(path);
    await this.#tree.reveal(path);
    this.#showButtons();
    await this.#showTraffic();
  }

  async #list(directory: string): Promise<TreeEntry[]> {
    return [...(await this.#overlay.list(`/${directory}`))];
  }

  async #showFile(path: string, size: number): Promise<void> {
    if (images.has(extensionOf(path)) && extensionOf(path) !== "svg") {
      const bytes = new Uint8Array(await this.#fs.readFile(`/${path}`));
      const src = URL.createObjectURL(new Blob([bytes]));
      const picture = element("img", { src, alt: nameOf(path) });
      for (const end of ["load", "error"]) {
        picture.addEventListener(end, () => URL.revokeObjectURL(src), { once: true });
      }
      this.#editor.showInstead(element("figure", {}, picture, caption(path, size)));
      return;
    }
    const bytes = size > largestText ? undefined : await this.#fs.readFile(`/${path}`);
    const text = bytes && textOf(bytes);
    if (text !== undefined) this.#editor.show(path, text);
    else this.#editor.showInstead(element("figure", {}, icon("file"), caption(path, size)));
  }

  #typed(): void {
    places.saved.textContent = "Unsaved";
    places.saved.dataset.state = "unsaved";
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#try(() => this.#save()), autosave_ms);
  }

  /** Saves the file in the editor if it was typed in since it was last saved. */
  #save(): Promise<void> {
    this.#saving = this.#saving.catch(() => {}).then(() => this.#saveNow());
    return this.#saving;
  }

  async #saveNow(): Promise<void> {
    const { text } = this.#editor;
    if (places.saved.dataset.state !== "unsaved" || this.#file === undefined) return;
    if (text === undefined) return;
    clearTimeout(this.#timer);
    const path = this.#file;
    places.saved.dataset.state = "saving";
    places.saved.textContent = "Saving…";
    try {
      await this.#fs.writeFile(`/${path}`, text);
    } catch (error) {
      places.saved.dataset.state = "unsaved";
      places.saved.textContent = "Not saved";
      throw error;
    }
    this.#room.changed();
    // What was typed meanwhile is unsaved still.
    if (places.saved.dataset.state === "saving") {
      places.saved.dataset.state = "saved";
      places.saved.textContent = "Saved";
    }
    await this.#refresh();
    this.#preview.reload();
  }

  /** Asks what differs, and shows it in tree, list and status line. */
  async #refresh(): Promise<void> {
    this.#changes = await this.#overlay.status();
    await this.#tree.refresh(this.#changes);
    showChanges(places.changes, this.#changes, {
      opened: (change) => this.#try(() => this.#openChange(change)),
      revert: (change) => this.#try(() => this.#revert([change.path])),
    });
    places.count.textContent = String(this.#changes.length);
    places.revertAll.hidden = this.#changes.length === 0;
    await Promise.all([this.#showTraffic(), this.#room.show()]);
    const { length } = this.#changes;
    places.state.textContent =
      length === 0
        ? "No changes"
        : `${length} ${length === 1 ? "change" : "changes"}, saved in this browser`;
    this.#showButtons();
  }

  async #showTraffic(): Promise<void> {
    const { requests, bytes } = await this.#overlay.traffic();
    const count = `${requests} ${requests === 1 ? "request" : "requests"}`;
    places.traffic.textContent = `${count}, ${sizeInWords(bytes)} fetched`;
  }

  #showButtons(): void {
    const change = this.#changes.find(({ path }) => path === this.#file);
    places.revertFile.hidden = change === undefined;
    places.showDiff.hidden =
      !change?.content || (this.#editor.text === undefined && !this.#showsDiff);
    places.showDiff.setAttribute("aria-pressed", String(this.#showsDiff));
  }

  async #openChange(change: Change): Promise<void> {
    if (change.type === "file" && change.state !== "deleted") {
      await this.open(change.path);
      return;
    }
    await this.#tree.reveal(change.path);
    if (change.state === "deleted") this.#preview.show(change.path);
  }

  async #revert(paths: readonly string[]): Promise<void> {
    clearTimeout(this.#timer);
    places.saved.dataset.state = "saved";
    places.saved.textContent = "";
    await this.#overlay.revert(paths);
    await this.#refresh();
    await this.#showAgain();
    this.#preview.reload();
  }

  /** Shows the file in the editor again after something else changed it; closes it if it is gone. */
  async #showAgain(): Promise<void> {
    const path = this.#file;
    if (path === undefined) return;
    try {
      const size = await this.#overlay.size(`/${path}`);
      this.#showsDiff = false;
      await this.#showFile(path, size);
    } catch (error) {
      if ((error as { code?: unknown }).code !== "ENOENT") throw error;
      this.#close();
    }
    this.#showButtons();
  }

  #close(): void {
    this.#file = undefined;
    remember({ file: undefined });
    this.#showNoFile();
  }

  #showNoFile(): void {
    this.#editor.showInstead(element("figure", {}, icon("file"), "Choose a file to edit it."));
    places.title.textContent = "";
    places.saved.textContent = "";
    places.saved.dataset.state = "";
    this.#showButtons();
  }

  async #toggleDiff(): Promise<void> {
    const path = this.#file;
    if (path === undefined) return;
    await this.#save();
    if (this.#showsDiff) {
      await this.#showAgain();
      return;
    }
    const change = this.#changes.find((one) => one.path === path);
    const before =
      change?.state === "created"
        ? new Uint8Array()
        : await this.#overlay.original(change?.from ?? path);
    const after = await this.#fs.readFile(`/${path}`);
    this.#showsDiff = true;
    const [a, b] = [textOf(before), textOf(after)];
    this.#editor.showInstead(
      a === undefined || b === undefined
        ? element("figure", {}, "Binary contents differ.")
        : differences(a, b),
    );
    this.#showButtons();
  }

  async #create(kind: "file" | "folder"): Promise<void> {
    const directory = this.#tree.directory;
    const path = await askText({
      title: kind === "file" ? "New file" : "New folder",
      label: "Path",
      value: directory === "" ? "" : `${directory}/`,
      action: "Create",
    });
    const clean = path && cleaned(path);
    if (!clean) return;
    if (kind === "folder") {
      await this.#fs.mkdir(`/${clean}`, { recursive: true });
    } else {
      await this.#fs.mkdir(`/${parentOf(clean)}`, { recursive: true });
      await this.#fs.writeFile(`/${clean}`, "", { flag: "wx" });
    }
    this.#room.changed();
    await this.#refresh();
    if (kind === "file") await this.open(clean);
    else await this.#tree.reveal(clean);
    if (kind === "file") this.#editor.focus();
  }

  async #rename(): Promise<void> {
    const from = this.#tree.selected;
    if (from === "" || !(await this.#exists(from))) return;
    const asked = await askText({
      title: "Rename or move",
      label: "New path",
      value: from,
      action: "Rename",
    });
    const to = asked && cleaned(asked);
    if (!to || to === from) return;
    if (await this.#exists(to)) {
      const text = `${to} exists already and would be replaced.`;
      if (!(await askConsent({ title: "Replace it?", text, action: "Replace" }))) return;
    }
    await this.#save();
    await this.#fs.mkdir(`/${parentOf(to)}`, { recursive: true });
    await this.#fs.rename(`/${from}`, `/${to}`);
    this.#room.changed();
    const open = this.#file;
    if (open !== undefined && isWithin(from, open)) {
      this.#file = undefined;
      await this.#refresh();
      await this.open(to + open.slice(from.length));
    } else {
      await this.#refresh();
      await this.#tree.reveal(to);
    }
    this.#preview.reload();
  }

  async #delete(): Promise<void> {
    const path = this.#tree.selected;
    if (path === "" || !(await this.#exists(path))) return;
    const text = `${path} is hidden in this browser only, and can be brought back from the list of changes. What was created here is gone.`;
    if (!(await askConsent({ title: `Delete ${nameOf(path)}?`, text, action: "Delete" }))) return;
    await this.#fs.rm(`/${path}`, { recursive: true });
    this.#room.changed();
    if (this.#file !== undefined && isWithin(path, this.#file)) this.#close();
    await this.#refresh();
    this.#preview.reload();
  }

  async #exists(path: string): Promise<boolean> {
    try {
      await this.#fs.lstat(`/${path}`);
      return true;
    } catch (error) {
      if ((error as { code?: unknown }).code === "ENOENT") return false;
      throw error;
    }
  }

  async #editShown(): Promise<void> {
    const shown = this.#preview.path;
    if (shown === undefined) return;
    await this.open(shown === "" || shown.endsWith("/") ? `${shown}index.html` : shown);
  }

  /** Runs something the reader asked for; a failure is told in the page. */
  #try(action: () => Promise<void>): void {
    places.notice.hidden = true;
    action().catch(showFailure);
  }

  #listen(): void {
    const on = (id: string, action: () => Promise<void>): void =>
      byId(id, HTMLElement).addEventListener("click", () => this.#try(action));
    on("new-file", () => this.#create("file"));
    on("new-folder", () => this.#create("folder"));
    on("rename", () => this.#rename());
    on("delete", () => this.#delete());
    on("revert-all", async () => {
      const text = "Everything will be as the base has it. This cannot be undone.";
      if (this.#changes.length === 0) return;
      if (await askConsent({ title: "Revert all changes?", text, action: "Revert all" })) {
        await this.#revert(this.#changes.map(({ path }) => path));
      }
    });
    on("revert-file", async () => {
      if (this.#file !== undefined) await this.#revert([this.#file]);
    });
    on("show-diff", () => this.#toggleDiff());
    on("preview-reload", async () => this.#preview.reload());
    on("preview-edit", () => this.#editShown());
    const keys: Readonly<Record<string, () => Promise<void>>> = {
      F2: () => this.#rename(),
      Delete: () => this.#delete(),
      n: () => this.#create("file"),
      N: () => this.#create("folder"),
    };
    byId("tree", HTMLElement).addEventListener("keydown", (event) => {
      const action = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
      if (!action) return;
      event.preventDefault();
      this.#try(action);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.#try(() => this.#save());
    });
    // The last moment a page is sure to have when its tab is closed or left.
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") this.#try(() => this.#save());
    });
  }
}

/** What stands after the # of the address. */
interface Place {
  readonly base?: string | undefined;
  readonly storage?: string | undefined;
  readonly file?: string | undefined;
}

function placeInAddress(): Place {
  const place = new URLSearchParams(location.hash.slice(1));
  const get = (key: string): string | undefined => place.get(key) ?? undefined;
  return { base: get("base"), storage: get("storage"), file: get("file") };
}

function remember(changed: Place): void {
  const place = { ...placeInAddress(), ...changed };
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(place)) if (value) parameters.set(key, value);
  history.replaceState(null, "", `#${parameters}`);
}

/** The storage for a base that comes without one: its address, in characters that look well in the view's URLs. */
function storageFor(base: string): string {
  const { host, pathname } = new URL(base);
  return (host + pathname).replace(/[^\w.]+/g, "-").replace(/^-|-$/g, "");
}

/** The path without slashes at its ends or doubled ones. */
function cleaned(path: string): string {
  return path.split("/").filter(Boolean).reduce(join, "");
}

function caption(path: string, size: number): HTMLElement {
  return element("figcaption", {}, nameOf(path), element("small", {}, sizeInWords(size)));
}

function showFailure(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  showNotice({ title: "That did not work", text: message });
}

function showNotice(explanation: Explanation, again?: () => void): void {
  const { title, text, command } = explanation;
  const close = element("button", { type: "button" }, again ? "Try again" : "Close");
  close.addEventListener("click", () => {
    places.notice.hidden = true;
    again?.();
  });
  places.notice.onkeydown = ({ key }) => {
    if (key === "Escape") places.notice.hidden = true;
  };
  places.notice.replaceChildren(
    element("h2", {}, title),
    element("p", {}, text),
    ...(command === undefined ? [] : [element("pre", {}, element("code", {}, command))]),
    close,
  );
  places.notice.hidden = false;
  close.focus();
}

/** Opens what the address names. */
async function start(): Promise<void> {
  const { base, storage, file } = placeInAddress();
  byId("base", HTMLInputElement).value = base ?? "";
  if (base === undefined) {
    showNotice({
      title: "Open a site",
      text: "Put the address of a minifo base above: any static site with a minifo.json at its root. Serve one of your own with:",
      command: "npx minifo serve DIR",
    });
    return;
  }
  const home = homeAddress();
  if (home !== undefined) {
    showNotice({
      title: "Open the workbench under its name",
      text: "It shows each site on an origin of its own, beside its own, so that a site's scripts reach nothing else. That takes a name:",
      command: home,
    });
    return;
  }
  places.state.textContent = "Opening…";
  try {
    const name = storage ?? storageFor(base);
    const site = await keepSite(byId("core", HTMLIFrameElement), base, name);
    places.base.textContent = base;
    // For the console: `await minifo.fs.promises.readdir("/")`.
    Object.assign(globalThis, { minifo: site.keeper });
    await new Workbench(site).begin(file);
  } catch (error) {
    places.state.textContent = "Not open";
    showNotice(await explainOpening(error, base), () => location.reload());
  }
}

for (const [id, name] of [
  ["new-file", "new-file"],
  ["new-folder", "new-folder"],
  ["rename", "rename"],
  ["delete", "delete"],
  ["preview-reload", "reload"],
  ["preview-open", "external"],
] as const) {
  byId(id, HTMLElement).append(icon(name));
}
byId("open", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const base = byId("base", HTMLInputElement).value;
  history.pushState(null, "", `#${new URLSearchParams({ base })}`);
  location.reload();
});
window.addEventListener("hashchange", () => location.reload());
await start();
