/**
 * Prints a Float64Array as nested JSON arrays, rank 0 (one number) to 2, with the digits of JSON.stringify. NaN and the
 * infinities become null. A reply has few float64, index most one per sample of a row, so this codec has no WebAssembly
 * kernel.
 */

/** Numbers per slice: well below a millisecond. */
const sliceNumbersMax = 4096;

export function* printDoubleSlices(data: Float64Array, shape: readonly number[]): Generator<Buffer, void> {
  const rank = shape.length;
  if (rank > 2) throw new Error(`The rank is ${rank}, above 2. This is a bug.`);
  const columns = rank === 2 ? (shape[1] as number) : data.length;
  let text = '['.repeat(rank);
  for (let index = 0; index < data.length; index++) {
    if (index > 0) text += index % columns === 0 ? '],[' : ',';
    text += JSON.stringify(data[index]);
    if (index % sliceNumbersMax < sliceNumbersMax - 1) continue;
    yield Buffer.from(text);
    text = '';
  }
  yield Buffer.from(text + ']'.repeat(rank));
}
