/** Says to a client where and why its body is no JSON in UTF-8. */
import { MalformedJsonError } from './malformed-json-error.js';
import { shownText } from './shown-text.js';
import type { SyntaxFault } from './syntax-fault.js';

/** The error for a fault at a byte of the body. */
export function faultError(body: Buffer, position: number, fault: SyntaxFault): MalformedJsonError {
  const found = fault.word ?? foundAt(body, position);
  const text = `The body is not JSON: at byte ${position}, the first being 0, there is ${found} in place of ${fault.expected}.`;
  return new MalformedJsonError(fault.advice === '' ? text : `${text} ${fault.advice}`, position, fault.behindEnd);
}

/** What stands at a byte: a character, or the byte where it is none that can be shown. */
function foundAt(body: Buffer, position: number): string {
  const byte = body[position];
  if (byte === undefined) return 'the end of the body';
  const [character = ''] = body.toString('utf8', position, position + 4);
  const shown = shownText(character);
  if (shown === character && character !== '\ufffd') return `"${character}"`;
  return character === '"' || character === '\\' ? character : `the byte 0x${byte.toString(16).padStart(2, '0')}`;
}

/** The error for bytes [start, end) that are no UTF-8. */
export function notUtf8Error(body: Buffer, start: number, end: number): MalformedJsonError {
  const position = start + firstBadByte(body.subarray(start, end));
  const byte = (body[position] as number).toString(16);
  return new MalformedJsonError(
    `The body is not UTF-8: at byte ${position}, the first being 0, there is the byte 0x${byte}. Send the text in UTF-8.`,
    position,
  );
}

/** U+FFFD in a decoded text stands for bytes that are none, unless it was sent itself. */
function firstBadByte(bytes: Buffer): number {
  const replacement = Buffer.from('\ufffd');
  const text = bytes.toString('utf8');
  let position = 0;
  let from = 0;
  for (let at = text.indexOf('\ufffd'); at >= 0; at = text.indexOf('\ufffd', from)) {
    position += Buffer.byteLength(text.slice(from, at));
    if (!bytes.subarray(position, position + replacement.length).equals(replacement)) return position;
    position += replacement.length;
    from = at + 1;
  }
  return position;
}

/** The error for a body in UTF-16 or UTF-32, as its first two bytes show; undefined for any other. */
export function otherUnicodeError(
  first: number | undefined,
  second: number | undefined,
): MalformedJsonError | undefined {
  const hasMark = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  const hasZero = second !== undefined && (first === 0) !== (second === 0);
  const isUtf32 = first === 0 && second === 0;
  if (!hasMark && !hasZero && !isUtf32) return undefined;
  const encoding = isUtf32 ? 'UTF-32' : 'UTF-16 or UTF-32';
  return new MalformedJsonError(`The body is in ${encoding}, as its first bytes show. Send it in UTF-8.`, 0);
}
