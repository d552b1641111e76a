/**
 * Questions to the reader, as modal dialogs: one for a name, one for yes or no.
 */
import { element } from "./element.ts";

/** What a question says. */
interface Question {
  readonly title: string;
  readonly text?: string;
  /** The word on the button that does it. */
  readonly action: string;
}

/** Asks for a line of text. Resolves with it, or with undefined if the reader thought better of it. */
export async function askText(
  question: Question & { readonly label: string; readonly value?: string },
): Promise<string | undefined> {
  const value = question.value ?? "";
  const input = element("input", {
    "aria-label": question.label,
    value,
    required: true,
    spellcheck: "false",
    autocomplete: "off",
  });
  const agreed = await ask(question, input, () => {
    // The name alone is what is most often changed.
    const dot = value.lastIndexOf(".");
    input.setSelectionRange(value.lastIndexOf("/") + 1, dot > 0 ? dot : value.length);
  });
  return agreed ? input.value : undefined;
}

/** Asks whether to go on. */
export function askConsent(question: Question): Promise<boolean> {
  return ask(question);
}

function ask(question: Question, field?: HTMLInputElement, shown?: () => void): Promise<boolean> {
  // A key pressed twice asks once.
  if (document.querySelector("dialog[open]")) return Promise.resolve(false);
  const form = element("form", { method: "dialog" }, element("h2", {}, question.title));
  if (question.text !== undefined) form.append(element("p", {}, question.text));
  if (field) form.append(field);
  const cancel = element("button", { type: "button" }, "Cancel");
  const action = element("button", { class: "primary", value: "yes" }, question.action);
  form.append(element("div", { class: "buttons" }, cancel, action));
  const dialog = element("dialog", {}, form);
  cancel.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  (field ?? action).focus();
  shown?.();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
