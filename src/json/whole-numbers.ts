/**
 * Arrays that should hold integers. Their numbers are read as float32, to which 0.9999999999 rounds as 1. So that the
 * schema can tell, the text of such an array is looked at once more.
 */
import { inSlices } from '../runtime/event-loop-turns.js';
import type { NumberMatrix } from './number-matrix.js';

/** What stands in the array for a number that is no integer. */
const fraction = 0.5;

/** Bytes of text looked at in one turn of the event loop: about a millisecond. */
const turnBytes = 2 ** 18;

/** A longer number with a point or an exponent is taken for a fraction: reading it would take longer than a turn. */
const tokenBytesMax = 64;

const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const POINT = 0x2e;
const LOWER_E = 0x65;
const UPPER_E = 0x45;

/**
 * Writes 0.5 over each number of an array that is no integer, as JSON.parse would read it. An integer above 2^24 may
 * have been rounded to another one above it, which is no index of a category either.
 *
 * @returns a promise if the text is long
 */
export function keepFractions({ data, text }: NumberMatrix): Promise<void> | undefined {
  if (text === undefined || ![POINT, LOWER_E, UPPER_E].some((byte) => text.includes(byte))) return undefined;
  let index = 0;
  let start = -1;
  let isPlain = true;
  return inSlices(text.length, turnBytes, (from, to) => {
    for (let position = from; position < to; position++) {
      const byte = text[position];
      if (byte <= 0x20 || byte === COMMA || byte === OPEN || byte === CLOSE) {
        if (start < 0) continue;
        if (!isPlain && !isWhole(text, start, position)) data[index] = fraction;
        index += 1;
        start = -1;
        isPlain = true;
      } else {
        if (start < 0) start = position;
        if (byte === POINT || byte === LOWER_E || byte === UPPER_E) isPlain = false;
      }
    }
    return false;
  });
}

function isWhole(text: Buffer, start: number, end: number): boolean {
  return end - start <= tokenBytesMax && Number.isInteger(Number(text.toString('latin1', start, end)));
}
