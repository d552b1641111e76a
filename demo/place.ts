/**
 * What is to be opened, as it stands in the address after the #, so that a reload or a bookmark comes back to it.
 */

/** A base, the storage of its changes where that is not the usual one, and the file in the editor. */
export interface Place {
  readonly base?: string | undefined;
  readonly storage?: string | undefined;
  readonly file?: string | undefined;
}

/** What stands in the address. */
export function placeInAddress(): Place {
  const place = new URLSearchParams(location.hash.slice(1));
  const get = (key: string): string | undefined => place.get(key) ?? undefined;
  return { base: get("base"), storage: get("storage"), file: get("file") };
}

/** Puts what `changed` has into the address, in place of what was there. */
export function remember(changed: Place): void {
  const place = { ...placeInAddress(), ...changed };
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(place)) if (value) parameters.set(key, value);
  history.replaceState(null, "", `#${parameters}`);
}

/** The storage for a base that comes without one: its address, in characters that look well in the view's URLs. */
export function storageFor(base: string): string {
  const { host, pathname } = new URL(base);
  return (host + pathname).replace(/[^\w.]+/g, "-").replace(/^-|-$/g, "");
}
