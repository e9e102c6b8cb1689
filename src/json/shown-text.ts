/** Quotes text of a client in messages: truncated, and without characters that act on a terminal or a log. */

/** Maximum length of a quoted text, counted with its escapes. */
const shownCharactersMax = 40;

/**
 * Characters to escape: control and format characters, separators except the space, surrogates, and those that end a
 * quotation.
 */
const escaped = /[\p{C}\p{Zl}\p{Zp}"\\]|(?! )\p{Zs}/u;

/** `text` as it may appear between double quotes, truncated to `charactersMax`. */
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
