/**
 * Colors, for people only: each stream has them where it is a terminal, or where FORCE_COLOR asks for them, and never
 * with NO_COLOR (no-color.org). picocolors alone decides by stdout for both, and colors what a CI pipes on.
 */
import pc from "picocolors";

function colorsFor(stream: NodeJS.WriteStream) {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  const asked = FORCE_COLOR !== undefined && FORCE_COLOR !== "" && FORCE_COLOR !== "0";
  return pc.createColors(!NO_COLOR && (asked || (stream.isTTY === true && TERM !== "dumb")));
}

/** Colors of what is printed on stdout. */
export const out = colorsFor(process.stdout);

/** Colors of messages, which go to stderr. */
export const err = colorsFor(process.stderr);
