import { createHash } from 'node:crypto';
import t from 'tap';
import { findApiKey, parseApiKeys } from '../../src/access/api-keys.js';

const hash = (key: string) => createHash('sha256').update(key).digest('hex');

t.test('a key file has a name and a hash a line, perhaps a quota; comments and empty lines are skipped', async (t) => {
  const keys = parseApiKeys(`# who may draw\n\nalice:${hash('a')}\r\n  bob:${hash('b').toUpperCase()}:5000  \n`);
  t.same(
    keys.map(({ name, elementsPerMinute }) => [name, elementsPerMinute]),
    [
      ['alice', undefined],
      ['bob', 5000],
    ],
  );
  t.equal(findApiKey(keys, 'a')?.name, 'alice');
  t.equal(findApiKey(keys, 'b')?.name, 'bob');
  for (const wrong of ['', 'A', 'c', hash('a'), `alice:${hash('a')}`]) t.equal(findApiKey(keys, wrong), undefined);
});

t.test('a name may have several keys, so that a key can be changed without a gap', async (t) => {
  const keys = parseApiKeys(`alice:${hash('old')}\nalice:${hash('new')}`);
  t.equal(findApiKey(keys, 'old')?.name, 'alice');
  t.equal(findApiKey(keys, 'new')?.name, 'alice');
});

t.test('a file has up to 1000 keys', async (t) => {
  t.equal(parseApiKeys(Array.from({ length: 1000 }, (_, at) => `n${at}:${hash(`${at}`)}`).join('\n')).length, 1000);
});

t.test('a wrong file is refused with the number of the line, and the line is not repeated', async (t) => {
  const good = `alice:${hash('a')}`;
  for (const [text, message] of [
    ['', /^it has no key: add a line name:sha256$/],
    ['# nobody', /^it has no key: add a line name:sha256$/],
    [`${good}\nbob:the-key-itself`, /^line 2 is not name:sha256, 64 hexadecimal digits/],
    [`${good}\n\nbob`, /^line 3 /],
    [`b ob:${hash('b')}`, /^line 1 /],
    [`${'b'.repeat(65)}:${hash('b')}`, /^line 1 /],
    [`bob:${hash('b')}:-1`, /^line 1 /],
    [`bob:${hash('b')}:many`, /^line 1 /],
    [`${good}:5\nalice:${hash('b')}:6`, /^line 2 gives alice another quota/],
    [Array.from({ length: 1001 }, (_, at) => `n${at}:${hash(`${at}`)}`).join('\n'), /1001 keys, more than 1000$/],
  ] as const) {
    const error = t.throws(() => parseApiKeys(text), { message }) as Error;
    t.notMatch(error.message, 'the-key-itself');
  }
});
