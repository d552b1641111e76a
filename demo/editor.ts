/**
 * The editor: CodeMirror on the text of one file, its language chosen by the name. What it gives back is byte for byte
 * what it was given where nothing was typed: line ends and a byte order mark are kept.
 */
import { css } from "@codemirror/lang-css";
import { html } from "@codemirror/lang-html";
import { javascript } from "@codemirror/lang-javascript";
import { markdown } from "@codemirror/lang-markdown";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorState, type Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { basicSetup } from "codemirror";
import { extensionOf } from "./paths.ts";

const languages: Readonly<Record<string, () => Extension>> = {
  html,
  htm: html,
  svg: html,
  xml: html,
  css,
  js: javascript,
  mjs: javascript,
  cjs: javascript,
  json: javascript,
  map: javascript,
  ts: () => javascript({ typescript: true }),
  tsx: () => javascript({ typescript: true, jsx: true }),
  jsx: () => javascript({ jsx: true }),
  md: markdown,
  markdown,
};

/** Colours are the page's variables, so that light and dark are the style sheet's matter. */
const colours = HighlightStyle.define([
  { tag: [tags.comment, tags.meta], color: "var(--code-comment)" },
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword], color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string), tags.regexp], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom, tags.unit], color: "var(--code-number)" },
  { tag: [tags.tagName, tags.typeName, tags.className], color: "var(--code-tag)" },
  { tag: [tags.attributeName, tags.propertyName], color: "var(--code-attribute)" },
  { tag: tags.function(tags.variableName), color: "var(--code-function)" },
  { tag: [tags.heading, tags.strong], color: "var(--code-keyword)", fontWeight: "600" },
  { tag: [tags.link, tags.url], color: "var(--code-string)", textDecoration: "underline" },
  { tag: tags.emphasis, fontStyle: "italic" },
  { tag: tags.invalid, color: "var(--deleted)" },
]);

/** The editor in the page; it shows one file at a time, or nothing. */
export class Editor {
  readonly #place: HTMLElement;
  readonly #typed: () => void;
  #view: EditorView | undefined;

  constructor(place: HTMLElement, typed: () => void) {
    this.#place = place;
    this.#typed = typed;
  }

  /** Shows `text`, the content of the file at `path`, for editing. */
  show(path: string, text: string): void {
    this.clear();
    const language = languages[extensionOf(path)];
    const state = EditorState.create({
      doc: text,
      extensions: [
        basicSetup,
        syntaxHighlighting(colours),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": `Text of ${path}` }),
        EditorState.lineSeparator.of(lineEndOf(text)),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) this.#typed();
        }),
        ...(language ? [language()] : []),
      ],
    });
    this.#view = new EditorView({ state, parent: this.#place });
  }

  /** Shows `shown` instead of a file's text. */
  showInstead(...shown: readonly Node[]): void {
    this.clear();
    this.#place.replaceChildren(...shown);
  }

  clear(): void {
    this.#view?.destroy();
    this.#view = undefined;
    this.#place.replaceChildren();
  }

  /** The text as edited, or undefined where no text is shown. */
  get text(): string | undefined {
    return this.#view?.state.sliceDoc();
  }

  focus(): void {
    this.#view?.focus();
  }
}

/** The line end to write: what all lines have, else `\n`, with which everything else stays as it is. */
function lineEndOf(text: string): string {
  return text.includes("\r\n") && !/(^|[^\r])\n|\r(?!\n)/.test(text) ? "\r\n" : "\n";
}

/** The text in `bytes`, or undefined if they are no UTF-8 text. */
export function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // Not UTF-8: shown as a binary file.
    return undefined;
  }
}
