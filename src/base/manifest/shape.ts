/**
 * Checks of what JSON.parse made of a manifest, which nobody vouches for: a `Shape` returns the value with the type it was found
 * to have, or throws a `ManifestFlaw` that says where it is not what it should be. Keys nobody asks for are ignored.
 */

/** What is wrong with a manifest, as the end of a sentence. */
export class ManifestFlaw extends Error {}

/** Returns `value` once it is known to be a `T`; `at` says where it stands, "" being the whole. */
export type Shape<T> = (value: unknown, at: string) => T;

/** The type that `S` checks for. */
export type Shaped<S> = S extends Shape<infer T> ? T : never;

function refuse(at: string, expected: string): never {
  throw new ManifestFlaw(`${at && `${at}: `}expected ${expected}`);
}

/** What `fits` says it is; `expected` names it in words. */
function fitting<T>(fits: (value: unknown) => boolean, expected: string): Shape<T> {
  return (value, at) => (fits(value) ? (value as T) : refuse(at, expected));
}

const isText = (value: unknown): boolean => typeof value === "string";

export const text: Shape<string> = fitting(isText, "a string");

export const texts: Shape<readonly string[]> = fitting(
  (value) => Array.isArray(value) && value.every(isText),
  "a list of strings",
);

/** A number that is exact. */
export const integer: Shape<number> = fitting(Number.isSafeInteger, "a whole number");

/** A whole number from 0 to `most`. */
export function natural(most: number = Number.MAX_SAFE_INTEGER): Shape<number> {
  const fits = (value: unknown): boolean =>
    Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
  return fitting(fits, `a whole number from 0 to ${most}`);
}

/** One whole number, or a list of them. */
export const integers: Shape<number | readonly number[]> = fitting(
  (value) =>
    Number.isSafeInteger(value) || (Array.isArray(value) && value.every(Number.isSafeInteger)),
  "a whole number or a list of them",
);

/** One of these very texts. */
export function exactly<const T extends string>(...wanted: readonly T[]): Shape<T> {
  const words = wanted.map((one) => JSON.stringify(one)).join(" or ");
  return fitting((value) => wanted.includes(value as T), words);
}

/** Anything at all. */
export const anything: Shape<unknown> = (value) => value;

/** `shape`, or `absent` where the key is missing. */
export function optional<T, const D>(shape: Shape<T>, absent: D): Shape<T | D> {
  return (value, at) => (value === undefined ? absent : shape(value, at));
}

export function listOf<T>(shape: Shape<T>): Shape<readonly T[]> {
  return (value, at) =>
    Array.isArray(value)
      ? value.map((item, index) => shape(item, join(at, index)))
      : refuse(at, "a list");
}

/** A list with one item for each of `shapes`, and no more. */
export function tuple<const T extends readonly unknown[]>(
  shapes: {
    readonly [I in keyof T]: Shape<T[I]>;
  },
): Shape<T> {
  return (value, at) => {
    if (!Array.isArray(value) || value.length !== shapes.length) {
      return refuse(at, `a list of ${shapes.length}`);
    }
    return shapes.map((shape, index) => shape(value[index], join(at, index))) as unknown as T;
  };
}

/** An object with these keys. */
export function record<T extends object>(
  shapes: {
    readonly [K in keyof T]: Shape<T[K]>;
  },
): Shape<T> {
  return (value, at) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return refuse(at, "an object");
    }
    const shaped: Record<string, unknown> = {};
    for (const [key, shape] of Object.entries<Shape<unknown>>(shapes)) {
      const own = Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
      shaped[key] = shape(own, join(at, key));
    }
    return shaped as T;
  };
}

function join(at: string, key: string | number): string {
  return at === "" ? String(key) : `${at}.${key}`;
}
