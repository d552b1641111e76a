/**
 * The list of what differs from the base, each with a button that reverts it.
 */
import type { Change } from "../web/index.ts";
import { element, icon } from "./element.ts";
import { letters } from "./tree.ts";

/** What the list asks for. */
export interface ChangeListOptions {
  readonly opened: (change: Change) => void;
  readonly revert: (change: Change) => void;
}

/** Shows `changes` in `list`. */
export function showChanges(
  list: HTMLElement,
  changes: readonly Change[],
  options: ChangeListOptions,
): void {
  if (changes.length === 0) {
    list.replaceChildren(element("li", { class: "empty" }, "Nothing differs from the base."));
    return;
  }
  list.replaceChildren(...changes.map((change) => itemOf(change, options)));
}

function itemOf(change: Change, options: ChangeListOptions): HTMLElement {
  const { path, state, from } = change;
  const open = element("button", { type: "button", class: "change", title: `${state}: ${path}` });
  open.append(element("span", { class: "state" }, letters[state]), element("bdi", {}, path));
  if (from !== undefined) open.append(element("small", {}, `from ${from}`));
  open.addEventListener("click", () => options.opened(change));
  const revert = element(
    "button",
    { type: "button", title: "Revert", "aria-label": `Revert ${path}` },
    icon("revert"),
  );
  revert.addEventListener("click", () => options.revert(change));
  return element("li", { "data-state": state, "data-path": path }, open, revert);
}
