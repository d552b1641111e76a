/**
 * The workbench's way to a site's keeper (minifo-workbench/core.ts), which lives in a frame on the site's origin: a port that
 * was handed to that frame and nobody else. What comes from there is the site's word, shown as text like anything of it.
 */
import { type ProxyMarked, type Remote, wrap } from "comlink";
import { catchWholeErrors } from "../web/caught-errors.ts";
import type {
  Change,
  OriginSpace,
  OverlayChangeEvent,
  Persistence,
  Traffic,
} from "../web/index.ts";
import { corePath, siteOrigin } from "./site-origin.ts";

/** A name in a directory. */
export interface Listed {
  readonly name: string;
  readonly kind: "folder" | "symlink" | "file";
}

/** What a keeper tells by itself: what changed, in whichever tab, that all is lost, and why, or is kept from now on. */
export type Told =
  | { readonly changes: OverlayChangeEvent["changes"] }
  | { readonly lost: string }
  | { readonly isKept: true };

/** As much of `fs.promises` as takes and gives plain data, for nothing else crosses. */
export interface SiteFiles {
  /** Fails if there is nothing; what it tells is not plain. */
  lstat(path: string): Promise<unknown>;
  mkdir(path: string, options: { readonly recursive: boolean }): Promise<unknown>;
  readFile(path: string): Promise<Uint8Array>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { readonly recursive: boolean }): Promise<void>;
  writeFile(path: string, text: string, options?: { readonly flag: string }): Promise<void>;
}

/** What a keeper does. Paths are as in `fs`, but for those of changes. */
export interface SiteKeeper {
  /** Before anything else. Fails as `openOverlay` and `registerView`. */
  open(base: string, storage: string): Promise<void>;
  follow(listener: (told: Told) => void): Promise<void>;
  readonly fs: { readonly promises: SiteFiles & ProxyMarked } & ProxyMarked;
  status(): Promise<readonly Change[]>;
  revert(paths: readonly string[]): Promise<void>;
  original(path: string): Promise<Uint8Array>;
  traffic(): Promise<Traffic>;
  /** How much the site's origin stores; undefined where the browser does not say. */
  room(): Promise<OriginSpace | undefined>;
  /** Asks the browser to keep what the site's origin stores, as `persistStorages`. */
  askToKeep(): Promise<Persistence>;
  list(directory: string): Promise<readonly Listed[]>;
  /** Bytes of a file. */
  size(path: string): Promise<number>;
  /** The path of the URL that the preview shows; undefined while it is not the site's. */
  shown(): Promise<string | undefined>;
  /** Loads again what the preview shows. */
  reload(): Promise<void>;
}

/** A site that is open. */
export interface KeptSite {
  readonly keeper: Remote<SiteKeeper>;
  readonly fs: Remote<SiteFiles>;
  /** The origin on which the site is shown. */
  readonly origin: string;
}

/** Opens the overlay of `base` in the storage `storage` of the site's own origin, which `frame` is led to. */
export async function keepSite(
  frame: HTMLIFrameElement,
  base: string,
  storage: string,
): Promise<KeptSite> {
  const origin = await siteOrigin(storage);
  catchWholeErrors();
  const isReady = new Promise<void>((resolve) => {
    addEventListener("message", (event) => {
      if (event.source === frame.contentWindow && event.origin === origin) resolve();
    });
  });
  frame.src = origin + corePath;
  await isReady;
  const { port1, port2 } = new MessageChannel();
  frame.contentWindow?.postMessage("keep", origin, [port2]);
  const keeper = wrap<SiteKeeper>(port1);
  await keeper.open(base, storage);
  return { keeper, fs: keeper.fs.promises, origin };
}
