/**
 * The mark that the browser promised to keep what a site's origin stores, made by a tab of the origin for the keeper, whom
 * as a frame most browsers do not tell. It lies beside what was promised, and is gone when that is.
 */

const mark = "minifo-workbench:kept";

/** Marks it, and so tells every other page of the origin. */
export function markKept(): void {
  localStorage.setItem(mark, "yes");
}

/** Whether it is marked. */
export function isMarkedKept(): boolean {
  return localStorage.getItem(mark) === "yes";
}

/** Calls `listener` whenever another page marks it. */
export function onMarkedKept(listener: () => void): void {
  addEventListener("storage", ({ key }) => {
    if (key === mark) listener();
  });
}
