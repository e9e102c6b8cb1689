/** How a client's own text is repeated to it: cut, and without characters that a terminal or a log would act on. */

/** Characters of a repeated text, its escapes counted as they are written. */
const shownCharactersMax = 40;

/** Control and format characters, separators but for the space, surrogates, and what would end a quotation. */
const escaped = /[\p{C}\p{Zl}\p{Zp}"\\]|(?! )\p{Zs}/u;

/** `text` as it may stand between double quotes; what is longer than `charactersMax` is cut. */
export function shownText(text: string, charactersMax = shownCharactersMax): string {
  let shown = '';
  for (const character of text) {
    const next = escaped.test(character) ? escapeOf(character) : character;
    if (shown.length + next.length > charactersMax) return `${shown}...`;
    shown += next;
  }
  return shown;
}

function escapeOf(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  let text = '';
  for (let unit = 0; unit < character.length; unit++) {
    text += `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`;
  }
  return text;
}
