/** Names as a terminal may be shown them: files come from strangers, and a name can hold any control sequence. */

/** `path` as it is, or as a JSON string if it has characters that could be mistaken or acted upon. */
export function quoted(path: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  const doubtful = /[\u0000-\u001f"\\\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;
  if (!doubtful.test(path)) return path;
  return escaped(JSON.stringify(path));
}

/** `text` with an escape in place of every character that a terminal could act upon. */
export function escaped(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
