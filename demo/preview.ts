/**
 * The preview: a frame on the view of the site. The frame has the page's own origin, so scripts of the shown site could
 * reach the workbench: open only sites you trust with it, until the view has an origin of its own.
 */
import type { View } from "../web/index.ts";

/** The frame and the line that tells its path. */
export interface PreviewPlaces {
  readonly frame: HTMLIFrameElement;
  readonly path: HTMLElement;
  readonly open: HTMLAnchorElement;
}

/** The preview of one storage. */
export class Preview {
  readonly #places: PreviewPlaces;
  readonly #view: View;
  readonly #storage: string;

  constructor(places: PreviewPlaces, view: View, storage: string) {
    this.#places = places;
    this.#view = view;
    this.#storage = storage;
    places.frame.addEventListener("load", () => this.#showPath());
  }

  /** Where the view has the file at `path`. */
  urlOf(path: string): string {
    return this.#view.url(this.#storage, path);
  }

  /** Shows the page at `path`; loads it again if it is shown already. */
  show(path: string): void {
    if (this.path === path) {
      this.reload();
      return;
    }
    // Replaced, not added: Back belongs to the workbench.
    const { contentWindow } = this.#places.frame;
    if (contentWindow) contentWindow.location.replace(this.urlOf(path));
    else this.#places.frame.src = this.urlOf(path);
  }

  /** Loads what is shown again. */
  reload(): void {
    if (this.path !== undefined) this.#places.frame.contentWindow?.location.reload();
  }

  /** The overlay's path of the page that is shown, undefined while it is none of the view's. */
  get path(): string | undefined {
    let pathname: string;
    try {
      pathname = this.#places.frame.contentWindow?.location.pathname ?? "";
    } catch {
      // The site led to another origin, whose address is none of our business.
      return undefined;
    }
    const root = new URL(this.#view.url(this.#storage)).pathname;
    if (!pathname.startsWith(root)) return undefined;
    return decodeURIComponent(pathname.slice(root.length));
  }

  #showPath(): void {
    const { path } = this;
    this.#places.path.textContent = path === undefined ? "" : `/${path}`;
    this.#places.open.href = this.urlOf(path ?? "");
  }
}
