/**
 * The workbench of one opened site: tree, file, preview and list of changes on one overlay, what the reader does with them,
 * and what other tabs do meanwhile.
 */
import { proxy, type Remote } from "comlink";
import type { Change, OverlayChangeEvent } from "../web/index.ts";
import { showChanges } from "./changes.ts";
import { askConsent, askText } from "./dialog.ts";
import { byId } from "./element.ts";
import { attempt, showFailure, showNotice } from "./notice.ts";
import { OpenFile } from "./open-file.ts";
import { extensionOf, isWithin, join, nameOf, parentOf } from "./paths.ts";
import { Preview } from "./preview.ts";
import { Room } from "./room.ts";
import type { KeptSite, SiteKeeper } from "./site-keeper.ts";
import { sizeInWords } from "./size-in-words.ts";
import { Tree, type TreeEntry } from "./tree.ts";

/** Milliseconds in which changes are taken for one. */
const changed_ms = 100;

const pages = new Set(["html", "htm", "xhtml"]);

const places = {
  changes: byId("changes", HTMLElement),
  count: byId("change-count", HTMLElement),
  revertAll: byId("revert-all", HTMLButtonElement),
  showDiff: byId("show-diff", HTMLButtonElement),
  revertFile: byId("revert-file", HTMLButtonElement),
  traffic: byId("status-traffic", HTMLElement),
  state: byId("status-state", HTMLElement),
};

/** See the head of this file. */
export class Workbench {
  readonly #overlay: Remote<SiteKeeper>;
  readonly #fs: KeptSite["fs"];
  readonly #tree: Tree;
  readonly #file: OpenFile;
  readonly #preview: Preview;
  readonly #room: Room;
  #changes: readonly Change[] = [];
  /** The file in the editor may have been changed by another tab. */
  #fileMoved = false;
  #changedTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(site: KeptSite) {
    this.#overlay = site.keeper;
    this.#fs = site.fs;
    this.#tree = new Tree(byId("tree", HTMLElement), {
      list: (directory) => this.#list(directory),
      opened: (path) => attempt(() => this.open(path)),
      failed: showFailure,
    });
    this.#file = new OpenFile(site, {
      saved: async () => {
        this.#room.changed();
        await this.#refresh();
        this.#preview.reload();
      },
      shown: () => this.#showButtons(),
    });
    this.#preview = new Preview(
      {
        frame: byId("preview", HTMLIFrameElement),
        path: byId("preview-path", HTMLElement),
        open: byId("preview-open", HTMLAnchorElement),
      },
      site,
    );
    this.#room = new Room(byId("status-room", HTMLButtonElement), site, showFailure);
    this.#listen();
  }

  /** Shows the tree, and the page or file to begin with. */
  async begin(file: string | undefined): Promise<void> {
    await this.#overlay.follow(
      proxy((told) => {
        if ("changes" in told) this.#changed(told.changes);
        else if ("isKept" in told) this.#room.show().catch(showFailure);
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
    const open = this.#file.path;
    const isOpen = (path: string): boolean => open !== undefined && isWithin(path, `/${open}`);
    if (!changes || changes.some(({ path }) => isOpen(path))) this.#fileMoved = true;
    this.#changedTimer ??= setTimeout(() => {
      this.#changedTimer = undefined;
      this.#showChanged().catch(showFailure);
    }, changed_ms);
  }

  async #showChanged(): Promise<void> {
    await this.#file.settled();
    await this.#refresh();
    this.#preview.reload();
    const moved = this.#fileMoved;
    this.#fileMoved = false;
    if (moved) await this.#file.follow();
  }

  /** Opens the file at `path` in the editor, and in the preview if it is a page. */
  async open(path: string): Promise<void> {
    if (!(await this.#file.open(path))) return;
    if (pages.has(extensionOf(path))) this.#preview.show(path);
    await this.#tree.reveal(path);
    await this.#showTraffic();
  }

  async #list(directory: string): Promise<TreeEntry[]> {
    return [...(await this.#overlay.list(`/${directory}`))];
  }

  /** Asks what differs, and shows it in tree, list and status line. */
  async #refresh(): Promise<void> {
    this.#changes = await this.#overlay.status();
    await this.#tree.refresh(this.#changes);
    showChanges(places.changes, this.#changes, {
      opened: (change) => attempt(() => this.#openChange(change)),
      revert: (change) => attempt(() => this.#revert([change.path])),
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
    const change = this.#openFilesChange;
    const { isText, showsDiff } = this.#file;
    places.revertFile.hidden = change === undefined;
    places.showDiff.hidden = !change?.content || !(isText || showsDiff);
    places.showDiff.setAttribute("aria-pressed", String(showsDiff));
  }

  /** What of the changes is the file in the editor. */
  get #openFilesChange(): Change | undefined {
    return this.#changes.find(({ path }) => path === this.#file.path);
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
    this.#file.giveUp();
    await this.#overlay.revert(paths);
    await this.#refresh();
    await this.#file.showAgain();
    this.#preview.reload();
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
    if (kind === "folder") {
      await this.#tree.reveal(clean);
      return;
    }
    await this.open(clean);
    this.#file.focus();
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
    await this.#file.save();
    await this.#fs.mkdir(`/${parentOf(to)}`, { recursive: true });
    await this.#fs.rename(`/${from}`, `/${to}`);
    this.#room.changed();
    const open = this.#file.path;
    if (open !== undefined && isWithin(from, open)) {
      const moved = to + open.slice(from.length);
      this.#file.moved(moved);
      await this.#refresh();
      await this.open(moved);
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
    const open = this.#file.path;
    if (open !== undefined && isWithin(path, open)) this.#file.close();
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

  #listen(): void {
    const on = (id: string, action: () => Promise<void>): void =>
      byId(id, HTMLElement).addEventListener("click", () => attempt(action));
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
      const { path } = this.#file;
      if (path !== undefined) await this.#revert([path]);
    });
    on("show-diff", () => this.#file.toggleDiff(this.#openFilesChange));
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
      attempt(action);
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      attempt(() => this.#file.save());
    });
    // The last moment a page is sure to have when its tab is closed or left.
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") attempt(() => this.#file.save());
    });
  }
}

/** The path without slashes at its ends or doubled ones. */
function cleaned(path: string): string {
  return path.split("/").filter(Boolean).reduce(join, "");
}
