/**
 * A file's text beside the base's, line by line.
 */
import { diffLines } from "diff";
import { element } from "./element.ts";

/** Lines shown before and after each difference. */
const context = 3;

/** The lines in which `after` differs from `before`, as elements. */
export function differences(before: string, after: string): HTMLElement {
  const made = element("div", {
    class: "diff",
    tabindex: 0,
    role: "region",
    "aria-label": "Differences",
  });
  const parts = diffLines(before, after);
  for (const [index, part] of parts.entries()) {
    const lines = part.value.replace(/\n$/, "").split("\n");
    if (part.added || part.removed) {
      const [kind, sign] = part.added ? (["ins", "+"] as const) : (["del", "-"] as const);
      for (const line of lines) made.append(element(kind, { "data-sign": sign }, line));
      continue;
    }
    const head = index === 0 ? 0 : context;
    const tail = index === parts.length - 1 ? 0 : context;
    const omitted = lines.length - head - tail;
    const shown = (line: string): HTMLElement => element("span", {}, line);
    if (omitted <= 1) {
      made.append(...lines.map(shown));
      continue;
    }
    made.append(...lines.slice(0, head).map(shown));
    made.append(element("span", { class: "omitted" }, `… ${omitted} lines the same`));
    if (tail > 0) made.append(...lines.slice(-tail).map(shown));
  }
  if (!made.hasChildNodes()) made.append(element("span", { class: "omitted" }, "Both are empty."));
  return made;
}
