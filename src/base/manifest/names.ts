/**
 * Which names, link targets and orders a manifest knows; the reader refuses and the writer's callers leave out the rest.
 */

const encoder = new TextEncoder();
const surrogate = /[\ud800-\udfff]/;
/** With `u`, a pair of surrogates is one character and none of these. */
const loneSurrogate = /\p{Surrogate}/u;

function isWellFormed(text: string): boolean {
  return !surrogate.test(text) || !loneSurrogate.test(text);
}

/** What is wrong with `name` as the name of an object, if anything. */
export function flawOfName(name: string): string | undefined {
  if (name === "") return "a name is empty";
  if (name === "." || name === "..") return `'${name}' is no name`;
  if (name.includes("/")) return "a name contains a slash";
  if (name.includes("\0")) return "a name contains a NUL";
  if (!isWellFormed(name)) return "a name is no valid Unicode";
  if (name.length > 85 && encoder.encode(name).length > 255)
    return "a name is longer than 255 bytes";
  return undefined;
}

/** What is wrong with `target` as the target of a symlink, if anything. */
export function flawOfTarget(target: string): string | undefined {
  if (target === "") return "a symlink's target is empty";
  if (target.includes("\0")) return "a symlink's target contains a NUL";
  if (!isWellFormed(target)) return "a symlink's target is no valid Unicode";
  if (encoder.encode(target).length > 4095) return "a symlink's target is longer than 4095 bytes";
  return undefined;
}

/**
 * The place of a name in that order: behind its directory's path, before all that lies deeper. Where a large directory
 * is split, its parts begin at such keys.
 */
export function keyOf(directory: string, name: string): string {
  return `${directory}//${name}`;
}

/**
 * The order of base paths in a manifest: a directory before what is in it, siblings by UTF-16 code units, and all that
 * is below a directory side by side.
 */
export function compareTreePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const inA = a.charCodeAt(at);
    const inB = b.charCodeAt(at);
    if (inA === inB) continue;
    if (inA === slash) return -1;
    if (inB === slash) return 1;
    return inA - inB;
  }
  return a.length - b.length;
}

const slash = 0x2f;
