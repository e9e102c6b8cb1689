/** Text of a client, as messages quote it. */
import t from 'tap';
import { shownText } from '../../src/json/shown-text.js';

t.test('harmless text is shown as it is', async (t) => {
  for (const text of ['', 'logits', 'a b', 'Größe', '数', '🎲', "it's"]) t.equal(shownText(text), text);
});

t.test('what ends a quotation, acts on a terminal or cannot be seen is escaped', async (t) => {
  const cases: readonly (readonly [text: string, shown: string])[] = [
    ['a"b', 'a\\"b'],
    ['a\\b', 'a\\\\b'],
    ['\n', '\\u000a'],
    ['\u001b[31m', '\\u001b[31m'],
    ['\u007f', '\\u007f'],
    // A direction override, a zero-width space, a line and a paragraph separator, a space that is no space.
    ['\u202e', '\\u202e'],
    ['\u200b', '\\u200b'],
    ['\u2028', '\\u2028'],
    ['\u2029', '\\u2029'],
    ['\u00a0', '\\u00a0'],
    // Half of a pair, and a character of the private use area beyond the first plane: both units.
    ['\ud83d', '\\ud83d'],
    ['\u{f0000}', '\\udb80\\udc00'],
  ];
  for (const [text, shown] of cases) t.equal(shownText(text), shown);
});

t.test('a long text is cut between characters, counted with their escapes', async (t) => {
  t.equal(shownText('x'.repeat(40)), 'x'.repeat(40));
  t.equal(shownText('x'.repeat(41)), `${'x'.repeat(40)}...`);
  t.equal(shownText('abcd', 3), 'abc...');
  t.equal(shownText('a"', 3), 'a\\"');
  t.equal(shownText('a"', 2), 'a...', 'an escape is not cut');
  t.equal(shownText('\n', 6), '\\u000a');
  t.equal(shownText('\n', 5), '...');
});
