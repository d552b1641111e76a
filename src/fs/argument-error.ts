/**
 * Errors about the arguments of a call, before any file is touched. They are the caller's mistakes and not a file's fate,
 * hence no `FsError`; programs tell them apart by the same `code` that Node gives them.
 */

/** A wrong argument: a TypeError or a RangeError, with Node's `code`. */
export type ArgumentError = (TypeError | RangeError) & { readonly code: string };

/** The argument `name` is of a wrong type; `wanted` says which it should be, as in "of type string". */
export function wrongType(name: string, wanted: string, given: unknown): ArgumentError {
  const message = `The "${name}" argument must be ${wanted}. Received ${show(given)}`;
  return Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_TYPE" });
}

/** The argument `name` has the right type and a wrong value; `problem` ends a sentence that begins with its name. */
export function wrongValue(name: string, problem: string, given: unknown): ArgumentError {
  const message = `The argument '${name}' ${problem}. Received ${show(given)}`;
  return Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_VALUE" });
}

/** The number `name` is outside of what it may be. */
export function outOfRange(name: string, wanted: string, given: unknown): ArgumentError {
  const message = `The value of "${name}" is out of range. It must be ${wanted}. Received ${show(given)}`;
  return Object.assign(new RangeError(message), { code: "ERR_OUT_OF_RANGE" });
}

function show(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "function") return `function ${value.name}`;
  if (typeof value === "object") return `an instance of ${value.constructor?.name ?? "Object"}`;
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return `type ${typeof value} (${text.length > 30 ? `${text.slice(0, 27)}...` : text})`;
}
