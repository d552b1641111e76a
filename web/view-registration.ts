/**
 * The page's side of the view: registers the service worker and tells the view's URLs.
 */

/** A registered view. */
export interface View {
  /** The URL of the view's root, with a slash at its end. */
  readonly scope: string;
  /**
   * The URL under which the view of the storage `name` (which counts only where several are shown) shows `path`, which may begin with a slash: the overlay's path,
   * not yet percent-encoded.
   */
  url(name: string, path?: string): string;
}

/** Where the service worker's script is, and what it serves. */
export interface ViewOptions {
  /** URL of the bundled `minifo/service-worker`, on the page's own origin. */
  readonly script: string | URL;
  /** The path the view's URLs begin with; the script's own directory and `view/` if absent. */
  readonly scope?: string;
  /**
   * All of the scope is the view of this storage, on an origin that is the site's alone: there even links by a path from
   * the root lead where they should. Without it each storage is shown under its name.
   */
  readonly storage?: string;
  /** With `storage`: a path within the scope, below which everything is left to the network. */
  readonly except?: string;
  /** The script is an ES module with imports, as in development. */
  readonly type?: WorkerType;
}

/**
 * Registers the view's service worker and waits until it answers.
 * @throws Error there are no service workers here (an insecure address, a private window), or the script is refused
 */
export async function registerView(options: ViewOptions): Promise<View> {
  const script = new URL(options.script, location.href);
  const scope = new URL(options.scope ?? "view/", options.scope ? location.href : script);
  const { storage, except, type } = options;
  if (storage !== undefined) {
    script.search = new URLSearchParams({ storage, ...(except && { except }) }).toString();
  }
  await register(script, scope, type);
  return {
    scope: scope.href,
    url: (name, path = "") => viewUrl(scope.href, storage === undefined ? name : undefined, path),
  };
}

/**
 * The URL of `path` in the view of the storage `name` under the view's root `scope`; without a name in the view that is
 * all of `scope`.
 */
export function viewUrl(scope: string, name: string | undefined, path = ""): string {
  const names = path.split("/").filter((one, index) => index > 0 || one !== "");
  const all = name === undefined ? names : [name, ...(path === "" ? [""] : names)];
  return new URL(all.map(encodeURIComponent).join("/"), scope).href;
}

/** This page's service workers. @throws Error it has none */
export function serviceWorkers(): ServiceWorkerContainer {
  const container: ServiceWorkerContainer | undefined = navigator.serviceWorker;
  if (container) return container;
  throw new Error(
    "The view needs service workers, which this page has not: open it over https: or from 127.0.0.1, outside a private window.",
  );
}

/** Registers `script` for `scope`; returns once it answers. */
export async function register(
  script: URL,
  scope: URL,
  type: WorkerType = "classic",
): Promise<ServiceWorkerRegistration> {
  const registration = await serviceWorkers().register(script, {
    scope: scope.pathname,
    type,
    updateViaCache: "none",
  });
  await activated(registration);
  return registration;
}

async function activated(registration: ServiceWorkerRegistration): Promise<void> {
  const worker = registration.installing ?? registration.waiting ?? registration.active;
  if (!worker || worker.state === "activated") return;
  await new Promise<void>((resolve, reject) => {
    worker.addEventListener("statechange", () => {
      if (worker.state === "activated") resolve();
      if (worker.state === "redundant") reject(new Error("The view's service worker was refused."));
    });
  });
}
