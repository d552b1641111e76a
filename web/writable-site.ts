/**
 * A static site that is writable for its visitor, at its own URLs: the overlay over the site as its own base, and the
 * service worker that shows it. What the visitor changes is in this browser only, and there is a way back.
 */
import { openOverlay, type PageOverlay } from "./client.ts";
import { deleteIndexedDbStorage } from "./storages.ts";
import { register, serviceWorkers } from "./view-registration.ts";

/** What `writableSite` may be told; all has defaults. */
export interface WritableSiteOptions {
  /** URL of the service worker's script, which lies in the root of the site; default `/sw.js`. */
  readonly script?: string | URL;
  /** Name of the storage; default: made from the path of the site's root. */
  readonly storage?: string;
  /** The script is an ES module with imports, as in development. */
  readonly type?: WorkerType;
}

/** A site that is shown with its visitor's changes. */
export interface WritableSite {
  /** The site's files, to be changed. */
  readonly overlay: PageOverlay;
  /** URL of the site's root, with a slash at its end. */
  readonly root: string;
  /** Shows the site as its host has it, in every page that is loaded from now on. The changes stay stored. */
  pause(): Promise<void>;
  /** As `pause`, and throws the changes away for good. The overlay is closed. */
  forget(): Promise<void>;
}

/**
 * Makes the site writable in whose root `script` is, with a `minifo.json` beside it.
 * @throws ENOENT, EPROTO, EIO, EBUSY as `openOverlay`
 * @throws Error there are no service workers here, the script is refused, or the site has another service worker already
 */
export async function writableSite(options: WritableSiteOptions = {}): Promise<WritableSite> {
  const script = new URL(options.script ?? "/sw.js", location.href);
  const root = new URL("./", script);
  const storage = options.storage ?? `the site at ${root.pathname}`;
  script.search = new URLSearchParams({ writable: storage }).toString();
  await refuseOtherWorker(script, root);
  const [overlay, registration] = await Promise.all([
    openOverlay({ base: root.href, storage }),
    register(script, root, options.type),
  ]);
  const pause = async (): Promise<void> => {
    await registration.unregister();
  };
  return {
    overlay,
    root: root.href,
    pause,
    async forget() {
      await overlay.close();
      // While the service worker still hears that it has to let go of the storage, which in WebKit it does not later.
      await deleteIndexedDbStorage(storage);
      await pause();
    },
  };
}

async function refuseOtherWorker(script: URL, root: URL): Promise<void> {
  const registration = await serviceWorkers().getRegistration(root.href);
  const worker = registration?.active ?? registration?.waiting ?? registration?.installing;
  if (!worker || registration?.scope !== root.href) return;
  if (new URL(worker.scriptURL).pathname === script.pathname) return;
  throw new Error(
    `The site at ${root} has a service worker of its own, ${worker.scriptURL}, and a browser runs only one: ` +
      "unregister it first, or give minifo a part of the site with a script in there.",
  );
}
