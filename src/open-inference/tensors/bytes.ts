/** Converts outputs to binary tensors: float32 and float64 are sent as they are in memory, int32 becomes INT64. */

export type OutputNumbers = Float32Array | Float64Array | Int32Array;

/** Bytes of one chunk of a large tensor. */
const chunkBytes = 2 ** 20;

/** Bytes of `numbers` as a binary tensor. */
export function bytesOf(numbers: OutputNumbers): number {
  return numbers instanceof Int32Array ? 8 * numbers.length : numbers.byteLength;
}

/** The bytes in chunks. Chunks of floats are views of `numbers`; chunks of indices are copies. */
export function* chunksOf(numbers: OutputNumbers): Generator<Buffer> {
  if (numbers instanceof Int32Array) {
    const step = chunkBytes / 8;
    for (let from = 0; from < numbers.length; from += step) yield toInt64(numbers.subarray(from, from + step));
    return;
  }
  const { buffer, byteOffset, byteLength } = numbers;
  for (let from = 0; from < byteLength; from += chunkBytes) {
    yield Buffer.from(buffer as ArrayBuffer, byteOffset + from, Math.min(chunkBytes, byteLength - from));
  }
}

/** INT64 of category indices. No index is negative, so the upper word is 0. */
function toInt64(indices: Int32Array): Buffer {
  const words = new Int32Array(2 * indices.length);
  for (let i = 0; i < indices.length; i++) words[2 * i] = indices[i];
  return Buffer.from(words.buffer);
}
