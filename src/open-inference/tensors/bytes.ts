/** Outputs to the bytes of binary tensors: float32 and float64 as they lie in memory, int32 widened to INT64. */

export type OutputNumbers = Float32Array | Float64Array | Int32Array;

/** Bytes of one chunk of a large tensor; widening the indices of one takes about 0.1 ms. */
const chunkBytes = 2 ** 20;

/** How many bytes `numbers` has as a binary tensor. */
export function bytesOf(numbers: OutputNumbers): number {
  return numbers instanceof Int32Array ? 8 * numbers.length : numbers.byteLength;
}

/** The bytes, in chunks: views on `numbers` where their layout is the tensor's. */
export function* chunksOf(numbers: OutputNumbers): Generator<Buffer> {
  if (numbers instanceof Int32Array) {
    const step = chunkBytes / 8;
    for (let from = 0; from < numbers.length; from += step) yield widened(numbers.subarray(from, from + step));
    return;
  }
  const { buffer, byteOffset, byteLength } = numbers;
  for (let from = 0; from < byteLength; from += chunkBytes) {
    yield Buffer.from(buffer as ArrayBuffer, byteOffset + from, Math.min(chunkBytes, byteLength - from));
  }
}

/** Categories as INT64: none is negative, so the upper word is 0. */
function widened(indices: Int32Array): Buffer {
  const words = new Int32Array(2 * indices.length);
  for (let at = 0; at < indices.length; at++) words[2 * at] = indices[at];
  return Buffer.from(words.buffer);
}
