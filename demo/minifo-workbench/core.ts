/**
 * The keeper of one site, on the site's own origin: opens its overlay, whose storage is this origin's, shows its view in
 * all of the origin but for the workbench's own files, and does what the workbench asks for over a port. It answers the
 * workbench alone; what the site's own scripts can reach on their origin is their own site, and nobody else's.
 */
import { expose, type ProxyMarked, proxy } from "comlink";
import {
  openOverlay,
  originSpace,
  type PageOverlay,
  persistStorages,
  registerView,
} from "../../web/index.ts";
import { throwWholeErrors } from "../../web/thrown-errors.ts";
import type { Listed, SiteKeeper, Told } from "../site-keeper.ts";
import { workbenchOrigin } from "../site-origin.ts";
import { isMarkedKept, onMarkedKept } from "./kept.ts";

/** See the head of this file. */
class Keeper implements SiteKeeper {
  #overlay: PageOverlay | undefined;

  async open(base: string, storage: string): Promise<void> {
    const script = new URL("/service-worker.js", location.href);
    const [overlay] = await Promise.all([
      openOverlay({ base, storage }),
      registerView({ script, scope: "/", storage, except: "/minifo-workbench/" }),
    ]);
    this.#overlay = overlay;
    // For the console, in this frame: `await minifo.fs.promises.readdir("/")`.
    Object.assign(globalThis, { minifo: overlay });
  }

  async follow(listener: (told: Told) => void): Promise<void> {
    const overlay = this.#opened;
    overlay.addEventListener("change", ({ changes }) => listener({ changes }));
    overlay.addEventListener("lost", ({ reason }) => listener({ lost: reason }));
    onMarkedKept(() => listener({ isKept: true }));
  }

  get fs() {
    return proxy({ promises: proxy(this.#opened.fs.promises) });
  }

  status() {
    return this.#opened.status();
  }

  revert(paths: readonly string[]) {
    return this.#opened.revert(paths);
  }

  original(path: string) {
    return this.#opened.original(path);
  }

  traffic() {
    return this.#opened.traffic();
  }

  async room() {
    const space = await originSpace();
    return space && { ...space, isPersistent: space.isPersistent || isMarkedKept() };
  }

  askToKeep() {
    return persistStorages();
  }

  async list(directory: string): Promise<readonly Listed[]> {
    const entries = await this.#opened.fs.promises.readdir(directory, { withFileTypes: true });
    return entries.map((entry) => ({
      name: entry.name,
      kind: entry.isDirectory() ? "folder" : entry.isSymbolicLink() ? "symlink" : "file",
    }));
  }

  async size(path: string): Promise<number> {
    return (await this.#opened.fs.promises.stat(path)).size;
  }

  async shown(): Promise<string | undefined> {
    return this.#shown()?.location.pathname;
  }

  async reload(): Promise<void> {
    this.#shown()?.location.reload();
  }

  get #opened(): PageOverlay {
    if (!this.#overlay) throw new Error("bug: a site is used before it was opened");
    return this.#overlay;
  }

  /** The window beside this one that shows a page of this origin: the preview, unless the site led elsewhere. */
  #shown(): Window | undefined {
    for (let at = 0; at < parent.length; at += 1) {
      const beside = parent[at];
      try {
        if (beside && beside !== window && beside.location.origin === location.origin)
          return beside;
      } catch {
        // Of another origin, whose address is none of our business.
      }
    }
    return undefined;
  }
}

throwWholeErrors();
const keeper: SiteKeeper & ProxyMarked = proxy(new Keeper());
window.addEventListener("message", ({ origin, source, ports: [port] }) => {
  if (origin === workbenchOrigin() && source === parent && port) expose(keeper, port);
});
parent.postMessage("ready", workbenchOrigin());
