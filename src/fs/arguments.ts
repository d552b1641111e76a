/**
 * What programs may pass, turned into what the overlay takes, and refused here, once, where it makes no sense. What is
 * accepted follows Node's documentation; a Buffer is a Uint8Array, and paths are strings.
 */
import { type AttributeChanges, type Time, timeOfMilliseconds } from "../attributes.ts";
import { outOfRange, wrongType, wrongValue } from "./argument-error.ts";
import type { Coder } from "./encoding.ts";

/** A moment: seconds since 1970 as a number or its text, or a Date. */
export type TimeArgument = number | string | Date;

/** Permission bits: a number or octal digits. */
export type ModeArgument = number | string;

/** Bytes, or text that an encoding makes bytes of. */
export type DataArgument = string | ArrayBufferView;

/** Permission bits with setuid, setgid and sticky, without the type. */
export function modeOf(mode: unknown, fallback?: number): number {
  const given = mode ?? fallback;
  if (typeof given === "string") {
    if (!/^[0-7]+$/.test(given)) throw wrongValue("mode", mustBeMode, given);
    return Number.parseInt(given, 8) & 0o7777;
  }
  return integerOf(given, "mode", 0, 2 ** 32 - 1) & 0o7777;
}

const mustBeMode = "must be a 32-bit unsigned integer or an octal string";

/** A user's or group's number; undefined for -1, which leaves it as it is. */
function ownerOf(id: unknown, name: string): number | undefined {
  const owner = integerOf(id, name, -1, 2 ** 32 - 1);
  return owner === -1 || owner === 2 ** 32 - 1 ? undefined : owner;
}

/** What chown changes; -1 leaves as it is. */
export function ownerChanges(uid: unknown, gid: unknown): AttributeChanges {
  const user = ownerOf(uid, "uid");
  const group = ownerOf(gid, "gid");
  return { ...(user !== undefined && { uid: user }), ...(group !== undefined && { gid: group }) };
}

export function timeOf(time: unknown): Time {
  if (time instanceof Date) return timeOfMilliseconds(checkedSeconds(time.getTime(), time));
  const seconds = typeof time === "string" && time.trim() !== "" ? Number(time) : time;
  if (typeof seconds !== "number") throw wrongType("time", "a Date or a time in seconds", time);
  return timeOfMilliseconds(checkedSeconds(seconds, time) * 1000);
}

function checkedSeconds(value: number, given: unknown): number {
  if (!Number.isFinite(value)) throw wrongType("time", "a Date or a time in seconds", given);
  return value;
}

/** An integer from `least` to `most`. */
export function integerOf(
  value: unknown,
  name: string,
  least = 0,
  most = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== "number") throw wrongType(name, "of type number", value);
  if (!Number.isInteger(value)) throw outOfRange(name, "an integer", value);
  if (value < least || value > most) throw outOfRange(name, `>= ${least} && <= ${most}`, value);
  return value;
}

/** A position in a file in bytes; undefined (from null, -1 or nothing) means the current one. */
export function positionOf(position: unknown): number | undefined {
  if (position === null || position === undefined || position === -1 || position === -1n) {
    return undefined;
  }
  return integerOf(typeof position === "bigint" ? Number(position) : position, "position");
}

/** The bytes of a view, not copied. */
export function viewOf(data: unknown, name: string): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (!ArrayBuffer.isView(data)) {
    throw wrongType(name, "an instance of Uint8Array, TypedArray or DataView", data);
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Text or a view as bytes. */
export function bytesOf(data: unknown, coder: Coder): Uint8Array {
  if (typeof data === "string") return coder.encode(data);
  if (ArrayBuffer.isView(data)) return viewOf(data, "data");
  throw wrongType(
    "data",
    "of type string or an instance of Uint8Array, TypedArray or DataView",
    data,
  );
}
