/** Errors for bodies that are not JSON in UTF-8: where, why, and what to send instead. */
import { MalformedJsonError } from './malformed-json-error.js';
import { shownText } from './shown-text.js';
import type { SyntaxFault } from './syntax-fault.js';

/** The error for a fault at a byte of the body. */
export function faultError(body: Buffer, position: number, fault: SyntaxFault): MalformedJsonError {
  const found = fault.word ?? foundAt(body, position);
  const text = `The body is not JSON: at byte ${position}, counted from 0, there is ${found} where ${fault.expected} is expected.`;
  return new MalformedJsonError(fault.advice === '' ? text : `${text} ${fault.advice}`, position, fault.afterEnd);
}

/** The character at a position, or the byte if the character cannot be shown. */
function foundAt(body: Buffer, position: number): string {
  const byte = body[position];
  if (byte === undefined) return 'the end of the body';
  const [character = ''] = body.toString('utf8', position, position + 4);
  const shown = shownText(character);
  if (shown === character && character !== '\ufffd') return `"${character}"`;
  return character === '"' || character === '\\' ? character : `the byte 0x${byte.toString(16).padStart(2, '0')}`;
}

/** The error for bytes [start, end) that are not UTF-8. */
export function notUtf8Error(body: Buffer, start: number, end: number): MalformedJsonError {
  const position = start + firstBadByte(body.subarray(start, end));
  const byte = (body[position] as number).toString(16);
  return new MalformedJsonError(
    `The body is not UTF-8: at byte ${position}, counted from 0, there is the byte 0x${byte}. Send the text in UTF-8.`,
    position,
  );
}

/**
 * The first byte that is not UTF-8. The decoder writes U+FFFD for such bytes; a U+FFFD that the client sent is skipped.
 */
function firstBadByte(bytes: Buffer): number {
  const replacement = Buffer.from('\ufffd');
  const text = bytes.toString('utf8');
  let position = 0;
  let from = 0;
  for (let index = text.indexOf('\ufffd'); index >= 0; index = text.indexOf('\ufffd', from)) {
    position += Buffer.byteLength(text.slice(from, index));
    if (!bytes.subarray(position, position + replacement.length).equals(replacement)) return position;
    position += replacement.length;
    from = index + 1;
  }
  return position;
}

/** The error for a body whose first two bytes show UTF-16 or UTF-32; undefined for any other body. */
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
