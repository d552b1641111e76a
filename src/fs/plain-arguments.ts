/** What every call may be passed: a path, and options. See arguments.ts for what those take that change something. */
import { wrongType, wrongValue } from "./argument-error.ts";

/** A path as it is. */
export function pathOf(path: unknown, name = "path"): string {
  if (typeof path !== "string") throw wrongType(name, "of type string", path);
  if (path.includes("\0")) throw wrongValue(name, "must be a string without null bytes", path);
  return path;
}

/** An object of options; `encoding` alone may stand for it. */
export function optionsOf<Options extends object>(options: unknown): Partial<Options> {
  if (options === null || options === undefined) return {};
  if (typeof options === "string") return { encoding: options } as unknown as Partial<Options>;
  if (typeof options !== "object")
    throw wrongType("options", "of type string or an object", options);
  return options;
}

/** A yes or no; nothing means `fallback`. */
export function booleanOf(value: unknown, name: string, fallback = false): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== "boolean") throw wrongType(name, "of type boolean", value);
  return value;
}
