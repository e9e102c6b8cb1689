/**
 * Prints a Float64Array as nested JSON arrays, rank 0 (one number) to 2, with JSON.stringify's digits; NaN and the
 * infinities become null. There are few float64 in a reply, one a draw at most, so this has no kernel of its own.
 */

/** Numbers of one slice: about half a millisecond. */
const sliceNumbersMax = 4096;

export function* printDoubleSlices(data: Float64Array, shape: readonly number[]): Generator<Buffer, void> {
  const rank = shape.length;
  if (rank > 2) throw new Error(`Rank ${rank} was to be printed. This is a bug.`);
  const columns = rank === 2 ? (shape[1] as number) : data.length;
  let text = '['.repeat(rank);
  for (let at = 0; at < data.length; at++) {
    if (at > 0) text += at % columns === 0 ? '],[' : ',';
    text += JSON.stringify(data[at]);
    if (at % sliceNumbersMax < sliceNumbersMax - 1) continue;
    yield Buffer.from(text);
    text = '';
  }
  yield Buffer.from(text + ']'.repeat(rank));
}
