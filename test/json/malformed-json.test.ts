/** What is said of bodies that are not JSON in UTF-8. */
import t from 'tap';
import { faultError, notUtf8Error, otherUnicodeError } from '../../src/json/malformed-json.js';

const fault = { index: 0, expected: '":"', word: undefined, advice: '', afterEnd: false };

t.test('a fault is told by its byte, by what is there and by what is expected', async (t) => {
  const found = (body: Buffer, position = 0) => faultError(body, position, fault).message;
  const at = (position: number, there: string) =>
    `The body is not JSON: at byte ${position}, counted from 0, there is ${there} where ":" is expected.`;
  t.equal(found(Buffer.from('a'), 0), at(0, '"a"'));
  t.equal(found(Buffer.from('a€'), 1), at(1, '"€"'), 'a character of several bytes');
  t.equal(found(Buffer.from('🎲')), at(0, '"🎲"'));
  t.equal(found(Buffer.from('"')), at(0, '"'));
  t.equal(found(Buffer.from('\\')), at(0, '\\'));
  t.equal(found(Buffer.from('\n')), at(0, 'the byte 0x0a'));
  t.equal(found(Buffer.from([0xff])), at(0, 'the byte 0xff'));
  t.equal(found(Buffer.from('a'), 1), at(1, 'the end of the body'));
  const known = faultError(Buffer.from('None'), 0, { ...fault, word: 'None', advice: 'Write null.', afterEnd: true });
  t.equal(known.message, `${at(0, 'None')} Write null.`);
  t.equal(known.position, 0);
  t.equal(known.afterEnd, true);
});

t.test('the first byte that is not UTF-8 is found, behind a U+FFFD that the client sent', async (t) => {
  const told = (bytes: (string | number)[], start = 0) => {
    const body = Buffer.concat(bytes.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.of(part))));
    const { message, position, afterEnd } = notUtf8Error(body, start, body.length);
    t.equal(afterEnd, false);
    t.match(
      message,
      `at byte ${position}, counted from 0, there is the byte 0x${body[position as number].toString(16)}.`,
    );
    t.match(message, 'Send the text in UTF-8.');
    return position;
  };
  t.equal(told([0xff]), 0);
  t.equal(told(['a', 0xe9]), 1);
  t.equal(told(['€', 0xe9, 'a']), 3);
  t.equal(told(['\ufffd', 0xe9]), 3);
  t.equal(told(['a\ufffdb\ufffd', 0x80]), 8);
  t.equal(told(['ab', 0xe9], 1), 2, 'counted in the body, not in the text');
});

t.test('another encoding is recognized by its first two bytes', async (t) => {
  const encoding = (first?: number, second?: number) =>
    /in (.*), as/.exec(otherUnicodeError(first, second)?.message ?? '')?.[1];
  t.equal(encoding(0xff, 0xfe), 'UTF-16 or UTF-32');
  t.equal(encoding(0xfe, 0xff), 'UTF-16 or UTF-32');
  t.equal(encoding(0x7b, 0), 'UTF-16 or UTF-32');
  t.equal(encoding(0, 0x7b), 'UTF-16 or UTF-32');
  t.equal(encoding(0, 0), 'UTF-32');
  t.equal(otherUnicodeError(0, 0)?.position, 0);
  for (const bytes of [[], [0], [0x7b], [0x7b, 0x22], [0xff, 0xff], [0xfe, 0xfe], [0xff, 0x41], [0x41, 0xfe]]) {
    t.equal(encoding(...bytes), undefined);
  }
});
