/**
 * The file tree: directories are listed when they are opened, marks show what differs from the base, deleted names stay
 * to be seen struck out. One row can be reached with Tab, the arrow keys go on from there (the WAI-ARIA tree pattern).
 */
import type { Change, ChangeState } from "../web/index.ts";
import { element, icon } from "./element.ts";
import { isWithin, join, nameOf, parentOf } from "./paths.ts";

/** A name in a directory, as the tree shows it. */
export interface TreeEntry {
  readonly name: string;
  readonly kind: "file" | "folder" | "symlink";
}

/** What the tree asks for and tells. */
export interface TreeOptions {
  readonly list: (directory: string) => Promise<readonly TreeEntry[]>;
  /** A file was chosen, by click or Enter. */
  readonly opened: (path: string) => void;
  readonly failed: (error: unknown) => void;
}

/** One visible row. */
interface Row {
  readonly path: string;
  readonly entry: TreeEntry;
  /** Only the base has this name. */
  readonly deleted: boolean;
}

const words: Readonly<Record<ChangeState, string>> = {
  created: "created",
  modified: "modified",
  attributes: "attributes changed",
  renamed: "renamed",
  deleted: "deleted",
  replaced: "replaced",
};

/** The letter that stands for a state, as in `git status`. */
export const letters: Readonly<Record<ChangeState, string>> = {
  created: "A",
  modified: "M",
  attributes: "P",
  renamed: "R",
  deleted: "D",
  replaced: "X",
};

/** The tree in the page's list. */
export class Tree {
  readonly #list: HTMLElement;
  readonly #options: TreeOptions;
  readonly #open = new Set<string>([""]);
  readonly #listings = new Map<string, readonly TreeEntry[]>();
  #changes: readonly Change[] = [];
  #rows: readonly Row[] = [];
  #selected = "";

  constructor(list: HTMLElement, options: TreeOptions) {
    this.#list = list;
    this.#options = options;
    list.addEventListener("click", (event) => this.#clicked(event));
    list.addEventListener("keydown", (event) => this.#pressed(event));
    list.addEventListener("focusin", (event) => {
      const row = this.#rowAt(event.target);
      if (row && row.path !== this.#selected) this.#select(row);
    });
  }

  /** The selected path, "" if none is. */
  get selected(): string {
    return this.#selected;
  }

  /** The directory that something new belongs in: the selected one, or the one of the selected file. */
  get directory(): string {
    const row = this.#rows.find(({ path }) => path === this.#selected);
    if (!row) return "";
    return row.entry.kind === "folder" && !row.deleted ? row.path : parentOf(row.path);
  }

  /** Lists what is open again, and shows `changes` as marks. */
  async refresh(changes: readonly Change[]): Promise<void> {
    this.#changes = changes;
    const directories = [...this.#open];
    await Promise.all(directories.map((directory) => this.#load(directory)));
    this.#render();
  }

  /** Selects `path` and opens the directories above it. */
  async reveal(path: string): Promise<void> {
    this.#selected = path;
    for (let at = parentOf(path); at !== ""; at = parentOf(at)) this.#open.add(at);
    await Promise.all([...this.#open].map((directory) => this.#load(directory)));
    this.#render();
    this.#rowElement(path)?.scrollIntoView({ block: "nearest" });
  }

  async #load(directory: string): Promise<void> {
    try {
      this.#listings.set(directory, await this.#options.list(directory));
    } catch (error) {
      this.#open.delete(directory);
      this.#listings.delete(directory);
      // A directory that was renamed or deleted is simply no longer open.
      if ((error as { code?: unknown }).code !== "ENOENT") this.#options.failed(error);
    }
  }

  #rowsBelow(directory: string): Row[] {
    const entries: Row[] = (this.#listings.get(directory) ?? []).map((entry) => ({
      path: join(directory, entry.name),
      entry,
      deleted: false,
    }));
    const present = new Set(entries.map(({ path }) => path));
    for (const { path, state, type } of this.#changes) {
      if (state !== "deleted" || present.has(path)) continue;
      if (parentOf(path) !== directory) continue;
      const kind = type === "directory" ? "folder" : type === "symlink" ? "symlink" : "file";
      entries.push({ path, entry: { name: nameOf(path), kind }, deleted: true });
    }
    entries.sort((a, b) => rank(a) - rank(b) || a.entry.name.localeCompare(b.entry.name));
    return entries.flatMap((row) =>
      this.#isOpen(row) ? [row, ...this.#rowsBelow(row.path)] : [row],
    );
  }

  #isOpen({ path, entry, deleted }: Row): boolean {
    return entry.kind === "folder" && !deleted && this.#open.has(path);
  }

  #render(): void {
    const hadFocus = this.#list.contains(document.activeElement);
    this.#rows = this.#rowsBelow("");
    if (!this.#rows.some(({ path }) => path === this.#selected)) {
      this.#selected = this.#rows[0]?.path ?? "";
    }
    this.#list.replaceChildren(...this.#rows.map((row) => this.#rowOf(row)));
    if (hadFocus) this.#rowElement(this.#selected)?.focus({ preventScroll: true });
  }

  #rowOf(row: Row): HTMLElement {
    const { path, entry, deleted } = row;
    const change = this.#changes.find((one) => one.path === path);
    const inside = entry.kind === "folder" && this.#changes.some((one) => isWithin(path, one.path));
    const isOpen = this.#isOpen(row);
    const made = element("li", {
      role: "treeitem",
      class: deleted ? "row deleted" : "row",
      "aria-level": path.split("/").length,
      "aria-selected": String(path === this.#selected),
      "aria-expanded": entry.kind === "folder" && !deleted ? String(isOpen) : undefined,
      "data-path": path,
      "data-state": deleted ? "deleted" : change?.state,
      tabindex: path === this.#selected ? 0 : -1,
      style: `--level: ${path.split("/").length - 1}`,
    });
    made.append(
      element("span", { class: "twist" }, ...(entry.kind === "folder" ? [icon("chevron")] : [])),
      icon(entry.kind),
      element("span", { class: "name" }, entry.name),
    );
    const state = deleted ? "deleted" : change?.state;
    if (state) {
      const from = change?.from === undefined ? "" : ` from ${change.from}`;
      made.append(element("span", { class: "state", title: words[state] + from }, letters[state]));
    } else if (inside) {
      made.append(element("span", { class: "state inside", title: "changes inside" }, "•"));
    }
    return made;
  }

  #rowElement(path: string): HTMLElement | undefined {
    const index = this.#rows.findIndex((row) => row.path === path);
    const found = this.#list.children[index];
    return found instanceof HTMLElement ? found : undefined;
  }

  #rowAt(target: EventTarget | null): Row | undefined {
    const path =
      target instanceof Element ? target.closest<HTMLElement>(".row")?.dataset.path : undefined;
    return this.#rows.find((row) => row.path === path);
  }

  #clicked(event: MouseEvent): void {
    const row = this.#rowAt(event.target);
    if (!row) return;
    this.#select(row);
    this.#activate(row);
  }

  #select(row: Row): void {
    this.#selected = row.path;
    for (const [index, child] of [...this.#list.children].entries()) {
      const isSelected = this.#rows[index]?.path === row.path;
      child.setAttribute("aria-selected", String(isSelected));
      child.setAttribute("tabindex", isSelected ? "0" : "-1");
      if (isSelected && child instanceof HTMLElement) child.focus();
    }
  }

  #activate(row: Row): void {
    if (row.deleted) return;
    if (row.entry.kind === "folder") this.#toggle(row.path, !this.#open.has(row.path));
    else this.#options.opened(row.path);
  }

  #toggle(path: string, open: boolean): void {
    if (!open) {
      this.#open.delete(path);
      this.#render();
      return;
    }
    this.#open.add(path);
    void this.#load(path).then(() => this.#render());
  }

  #pressed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.#rows.findIndex(({ path }) => path === this.#selected);
    const row = this.#rows[at];
    if (!row) return;
    const goTo = (index: number): void => {
      const next = this.#rows[Math.max(0, Math.min(this.#rows.length - 1, index))];
      if (next) this.#select(next);
    };
    const isFolder = row.entry.kind === "folder" && !row.deleted;
    const isOpen = this.#isOpen(row);
    const moves: Readonly<Record<string, () => void>> = {
      ArrowDown: () => goTo(at + 1),
      ArrowUp: () => goTo(at - 1),
      Home: () => goTo(0),
      End: () => goTo(this.#rows.length - 1),
      Enter: () => this.#activate(row),
      ArrowRight: () => {
        if (isFolder && !isOpen) this.#toggle(row.path, true);
        else if (isOpen) goTo(at + 1);
      },
      ArrowLeft: () => {
        if (isOpen) this.#toggle(row.path, false);
        else goTo(this.#rows.findIndex(({ path }) => path === parentOf(row.path)));
      },
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
  }
}

/** Folders stand first. */
function rank({ entry }: Row): number {
  return entry.kind === "folder" ? 0 : 1;
}
