/**
 * Prints figures into a document, between markers that say which command prints them. What stands around them is
 * written by hand.
 */

/**
 * Replaces what stands between the markers of `name`.
 *
 * @throws {Error} when the text lacks them
 */
export function replaceBetween(text: string, name: string, command: string, markdown: string): string {
  const begin = `<!-- begin ${name}: printed by npm run ${command} -->`;
  const end = `<!-- end ${name} -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`The document lacks the markers of "${name}"`);
  return `${text.slice(0, from + begin.length)}\n\n${markdown}\n\n${text.slice(to)}`;
}
