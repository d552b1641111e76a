/** How much of the exhaustive tests runs: `MINIFO_EXHAUSTIVE` says "full" for all there is, "few" for a sample. */

const said = process.env["MINIFO_EXHAUSTIVE"];

/** The one of the three that was asked for; `usual` is for `npm test`. */
export function byExtent<T>(full: T, usual: T, few: T): T {
  return said === "full" ? full : said === "few" ? few : usual;
}

/** In milliseconds: no run of the full set takes so long. */
export const longest_ms = 4 * 60 * 60_000;
