/** Sizes as people read them. */

const units = ["KiB", "MiB", "GiB", "TiB"] as const;

/** Bytes in the largest unit of which there is at least one, with one digit behind the point. */
export function sizeInWords(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let size = bytes / 1024;
  let unit = 0;
  // What would be shown as 1024.0 is 1.0 of the next.
  while (size >= 1023.95 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size.toFixed(1)} ${units[unit]}`;
}
