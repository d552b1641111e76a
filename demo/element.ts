/**
 * Making elements. Text is only ever set as text, so that no name of a file can become markup.
 */

type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** A new element; an attribute that is undefined or false is left out, one that is true is empty. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/** The element of the page with this id, which must be there and be a `kind`. */
export function byId<T extends HTMLElement>(id: string, kind: abstract new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`bug: the page has no ${kind.name} #${id}`);
  return found;
}

/** Outlines of 24 by 24, drawn with the text's colour. */
const outlines = {
  "new-file": "M14 3H6v18h12V7zM14 3v4h4M12 11v6M9 14h6",
  "new-folder": "M3 6h6l2 2h10v11H3zM12 11v5M9.5 13.5h5",
  rename: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  delete: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10 11v5M14 11v5",
  reload: "M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5",
  external: "M9 5H5v14h14v-4M13 5h6v6M19 5l-9 9",
  file: "M14 3H6v18h12V7zM14 3v4h4",
  folder: "M3 6h6l2 2h10v11H3z",
  symlink: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  chevron: "M9 6l6 6-6 6",
  revert: "M4 10h10a5 5 0 0 1 0 10h-3M8 6l-4 4 4 4",
} as const;

/** The name of an icon. */
export type IconName = keyof typeof outlines;

/** An icon that stands for nothing by itself: what carries it has a label. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", outlines[name]);
  svg.append(path);
  return svg;
}
