/**
 * Prints a Float64Array as nested JSON arrays, rank 0 (one number) to 9, with the digits of JSON.stringify. NaN and the
 * infinities become null. A reply has few float64, so this codec has no WebAssembly kernel.
 */

import { separatorBefore } from './entry-list.js';

/** Numbers per slice: well below a millisecond. */
const sliceNumbersMax = 4096;

export function* printDoubleSlices(data: Float64Array, shape: readonly number[]): Generator<Buffer, void> {
  const rank = shape.length;
  let text = '['.repeat(rank);
  for (let index = 0; index < data.length; index++) {
    if (index > 0) text += separatorBefore(index, shape);
    text += JSON.stringify(data[index]);
    if (index % sliceNumbersMax < sliceNumbersMax - 1) continue;
    yield Buffer.from(text);
    text = '';
  }
  yield Buffer.from(text + ']'.repeat(rank));
}
