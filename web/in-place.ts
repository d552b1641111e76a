/**
 * A site at its own URLs with its visitor's changes: what was changed is ours, everything else is the network's, just as if
 * there were no view. So a site costs what it cost before: its host's headers, types, redirects and caches hold, and no
 * byte is verified, kept or copied on the way. Without a network the base is read from what was kept of it.
 */
import { isPage, largestPage } from "./host-conventions.ts";
import {
  answerTarget,
  attempting,
  type FoundOutcome,
  instead,
  lookUp,
  type Outcome,
  refusingAndTelling,
  type Snapshots,
  type Target,
} from "./view.ts";
import { answerFile } from "./view-file.ts";
import { notFound, redirect } from "./view-pages.ts";

/** Sends a request to the site's host, past any service worker. */
export type Network = (request: Request | string, init?: RequestInit) => Promise<Response>;

/** A site that is its own base. */
export interface InPlaceSite {
  /** The URL of its root, with a slash at its end, which is where its base is too. */
  readonly root: string;
  readonly snapshots: Snapshots;
  readonly network: Network;
}

/**
 * Answers a GET or HEAD of `target`, the site's own path. Fails as the network does where that is asked.
 */
export async function answerInPlace(
  request: Request,
  target: Target,
  site: InPlaceSite,
): Promise<Response> {
  const { snapshots, network } = site;
  let outcome: Outcome;
  try {
    outcome = await attempting(target, snapshots, (snapshot) => lookUp(target, snapshot));
    if (outcome.snapshot.locator !== site.root) return await network(request);
  } catch {
    // No storage, or none that can be read now: the site is what it is without us.
    return await network(request);
  }
  if (outcome.is === "absent") return await answerAbsent(request, target, outcome, site);
  const isOurs = outcome.is === "file" ? !outcome.file.isOfBase : !outcome.isOfBase;
  if (isOurs) return await answerOurs(request, target, outcome, site);
  try {
    return await network(request);
  } catch {
    // Offline: what was kept of the base.
    return await answerTarget(request, target, snapshots);
  }
}

/** Of what is not there: we hide it, or the host has it though it is no part of the base, or nobody has it. */
async function answerAbsent(
  request: Request,
  target: Target,
  { snapshot }: Outcome,
  site: InPlaceSite,
): Promise<Response> {
  const { network, snapshots } = site;
  const isHidden = await snapshot.hasInBase(target.path.replace(/^\/|\/$/g, ""));
  const other = await instead(target, snapshot);
  if (isHidden) {
    if (other.is === "file") return await answerOurs(request, target, other, site);
    return await refusingAndTelling(request, async () => notFound(target.path));
  }
  let response: Response;
  try {
    response = await network(request);
  } catch {
    // Offline: as above.
    return await answerTarget(request, target, snapshots);
  }
  const isOurs = other.is === "file" && !other.file.isOfBase;
  if (!isOurs || !(await standsFor(response, other))) return response;
  await response.body?.cancel();
  return await answerOurs(request, target, other, site);
}

/** Whether the host has nothing of its own there: it says so, or gives its copy of the page that is ours by now. */
async function standsFor(response: Response, other: FoundOutcome): Promise<boolean> {
  if (response.status === 404) return true;
  if (other.status === 404 || response.status !== 200) return false;
  const page = await other.snapshot.contentInBase(other.path.slice(1), largestPage);
  return page !== undefined && (await isPage(response.clone(), page));
}

async function answerOurs(
  request: Request,
  target: Target,
  found: Outcome,
  site: InPlaceSite,
): Promise<Response> {
  return await refusingAndTelling(request, async () => {
    if (found.is === "directory") return redirect(new URL(request.url));
    if (found.is === "absent") return notFound(target.path);
    const headers = await headersOfHost(request, site);
    let first: Outcome | undefined = found;
    return await attempting(target, site.snapshots, async (snapshot) => {
      // Looked up already; anew only if it moved.
      const outcome = first ?? (await lookUp(target, snapshot));
      first = undefined;
      if (outcome.is !== "file") return notFound(target.path);
      return await answerFile(request, outcome, site.snapshots, {
        status: outcome.status,
        headers,
      });
    });
  });
}

/** What a host says about how its pages may be used, and that is not about their content. */
const policies = [
  "content-security-policy",
  "content-security-policy-report-only",
  "cross-origin-embedder-policy",
  "cross-origin-opener-policy",
  "document-policy",
  "origin-agent-cluster",
  "permissions-policy",
  "referrer-policy",
  "x-frame-options",
];

/** Where policies are kept for when there is no network. */
const policyCache = "minifo-policies";

/**
 * The policies that the host has for the page or worker that is asked for, so that a page that was changed here may do
 * what the site's own pages may, and no more; those of its root for what the host does not have.
 */
async function headersOfHost(
  request: Request,
  { root, network }: InPlaceSite,
): Promise<Record<string, string>> {
  if (request.mode !== "navigate" && !/worker$/.test(request.destination)) return {};
  const { origin, pathname } = new URL(request.url);
  const own = await policiesAt(origin + pathname, network);
  return own ?? (await policiesAt(root, network)) ?? {};
}

async function policiesAt(
  url: string,
  network: Network,
): Promise<Record<string, string> | undefined> {
  const cache = await caches.open(policyCache);
  let response: Response | undefined;
  try {
    response = await network(url, { method: "HEAD" });
  } catch {
    // Offline: as they were when they were seen last.
    response = await cache.match(url);
  }
  if (!response?.ok) return undefined;
  const { headers } = response;
  const told = policies.flatMap((name) => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  await cache.put(url, new Response(null, { headers: Object.fromEntries(told) }));
  return Object.fromEntries(told);
}
