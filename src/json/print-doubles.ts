/**
 * Prints a Float64Array as nested JSON arrays of any rank (0: one number), with the digits of JSON.stringify. NaN and
 * the infinities become null. A reply has few float64, so this codec has no WebAssembly kernel.
 */

/** Numbers per slice: well below a millisecond. */
const sliceNumbersMax = 4096;

export function* printDoubleSlices(data: Float64Array, shape: readonly number[]): Generator<Buffer, void> {
  const rank = shape.length;
  /** Numbers in an array of each depth, from the innermost to the first inside the outermost. */
  const sizes: number[] = [];
  for (let axis = rank - 1, size = 1; axis > 0; axis--) {
    size *= shape[axis] as number;
    sizes.push(size);
  }
  let text = '['.repeat(rank);
  for (let index = 0; index < data.length; index++) {
    let ended = 0;
    while (ended < sizes.length && index % (sizes[ended] as number) === 0) ended += 1;
    if (index > 0) text += ended === 0 ? ',' : `${']'.repeat(ended)},${'['.repeat(ended)}`;
    text += JSON.stringify(data[index]);
    if (index % sliceNumbersMax < sliceNumbersMax - 1) continue;
    yield Buffer.from(text);
    text = '';
  }
  yield Buffer.from(text + ']'.repeat(rank));
}
