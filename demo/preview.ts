/**
 * The preview: a frame on the view of the site, on the site's own origin, so that nothing in it reaches the workbench. Nor
 * may it lead the workbench's own window elsewhere: the frame is sandboxed. What it shows its keeper tells, who is of
 * that origin.
 */
import type { KeptSite } from "./site-keeper.ts";

/** The frame and the line that tells its path. */
export interface PreviewPlaces {
  readonly frame: HTMLIFrameElement;
  readonly path: HTMLElement;
  readonly open: HTMLAnchorElement;
}

/** The preview of one site. */
export class Preview {
  readonly #places: PreviewPlaces;
  readonly #site: KeptSite;
  #path: string | undefined;

  constructor(places: PreviewPlaces, site: KeptSite) {
    this.#places = places;
    this.#site = site;
    places.frame.addEventListener("load", () => this.#showPath());
  }

  /** Where the view has the file at `path`. */
  #urlOf(path: string): string {
    return `${this.#site.origin}/${path.split("/").map(encodeURIComponent).join("/")}`;
  }

  /** Shows the page at `path`; loads it again if it is shown already. */
  show(path: string): void {
    if (this.#path === path) {
      this.reload();
      return;
    }
    // Replaced, not added: Back belongs to the workbench.
    const { contentWindow } = this.#places.frame;
    if (contentWindow) contentWindow.location.replace(this.#urlOf(path));
    else this.#places.frame.src = this.#urlOf(path);
  }

  /** Loads what is shown again. */
  reload(): void {
    if (this.#path !== undefined) this.#site.keeper.reload();
  }

  /** The overlay's path of the page that is shown, undefined while it is none of the site's. */
  get path(): string | undefined {
    return this.#path;
  }

  async #showPath(): Promise<void> {
    const pathname = await this.#site.keeper.shown();
    this.#path = pathname === undefined ? undefined : decoded(pathname.slice(1));
    this.#places.path.textContent = this.#path === undefined ? "" : `/${this.#path}`;
    this.#places.open.href = this.#urlOf(this.#path ?? "");
  }
}

/** `path` as it is in the overlay; undefined for what no file of it can be called. */
function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    // A stray %: the site made that address itself.
    return undefined;
  }
}
