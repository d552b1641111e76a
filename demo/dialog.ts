/**
 * What is asked of the reader or told, as modal dialogs: a name, yes or no, and what only has to be read.
 */
import { element } from "./element.ts";

/** What a dialog says: a title, and a paragraph or several. */
interface Message {
  readonly title: string;
  readonly text?: string | readonly string[];
}

/** What a question says. */
interface Question extends Message {
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

/** Tells something. Resolves once the reader has closed it. */
export async function tell(message: Message): Promise<void> {
  await ask(message);
}

function ask(
  question: Message & { readonly action?: string },
  field?: HTMLInputElement,
  shown?: () => void,
): Promise<boolean> {
  // A key pressed twice asks once.
  if (document.querySelector("dialog[open]")) return Promise.resolve(false);
  const form = element("form", { method: "dialog" }, element("h2", {}, question.title));
  for (const paragraph of [question.text ?? []].flat()) form.append(element("p", {}, paragraph));
  if (field) form.append(field);
  const isQuestion = question.action !== undefined;
  const cancel = element("button", { type: "button" }, isQuestion ? "Cancel" : "Close");
  const action = element("button", { class: "primary", value: "yes" }, question.action ?? "");
  form.append(element("div", { class: "buttons" }, cancel, ...(isQuestion ? [action] : [])));
  const dialog = element("dialog", {}, form);
  cancel.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  (field ?? (isQuestion ? action : cancel)).focus();
  shown?.();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
