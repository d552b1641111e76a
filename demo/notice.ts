/**
 * The notice in the middle of the page: what went wrong, or what to do first. There is one at a time.
 */
import { byId, element } from "./element.ts";
import type { Explanation } from "./explain.ts";

const place = byId("notice", HTMLElement);

/** Shows it; with `again`, its button does that. */
export function showNotice({ title, text, command }: Explanation, again?: () => void): void {
  const close = element("button", { type: "button" }, again ? "Try again" : "Close");
  close.addEventListener("click", () => {
    hideNotice();
    again?.();
  });
  place.onkeydown = ({ key }) => {
    if (key === "Escape") hideNotice();
  };
  place.replaceChildren(
    element("h2", {}, title),
    element("p", {}, text),
    ...(command === undefined ? [] : [element("pre", {}, element("code", {}, command))]),
    close,
  );
  place.hidden = false;
  close.focus();
}

/** Shows that something the reader asked for failed, and why. */
export function showFailure(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  showNotice({ title: "That did not work", text });
}

function hideNotice(): void {
  place.hidden = true;
}

/** Runs something the reader asked for; a failure is told in the page. */
export function attempt(action: () => Promise<void>): void {
  hideNotice();
  action().catch(showFailure);
}
