/** Reads binary float tensors as float32: aligned FP32 as a view of the bytes, anything else as a copy. */
import { nextTurn } from '../../runtime/event-loop-turns.js';
import type { FloatDatatype } from './datatypes.js';

/** float32 values of the 65,536 half-precision numbers, made for the first FP16 tensor. */
let halves: Float32Array | undefined;

/** Elements converted in one turn of the event loop. */
const sliceElements = 2 ** 18;

/**
 * The elements of a tensor, rounded to float32. Aligned FP32 is a view of `bytes`.
 *
 * A finite float64 outside the range of float32 becomes +Infinity whatever its sign, so that -Infinity, which is a
 * mask, occurs only where the client sent it.
 *
 * @param bytes a whole number of elements
 */
export async function floatsOf(bytes: Uint8Array, datatype: FloatDatatype): Promise<Float32Array> {
  const { buffer, byteOffset, byteLength } = bytes;
  if (datatype === 'FP32' && byteOffset % 4 === 0) return new Float32Array(buffer, byteOffset, byteLength / 4);
  const view = new DataView(buffer, byteOffset, byteLength);
  const [size, convert] = converters[datatype];
  const floats = new Float32Array(byteLength / size);
  for (let from = 0; from < floats.length; from += sliceElements) {
    if (from > 0) await nextTurn();
    convert(view, floats, from, Math.min(from + sliceElements, floats.length));
  }
  return floats;
}

/** Converts elements [from, to) of a tensor, and writes them to the same indices of `floats`. */
type Convert = (view: DataView, floats: Float32Array, from: number, to: number) => void;

const converters: Readonly<Record<FloatDatatype, readonly [bytesPerElement: number, Convert]>> = {
  // The upper 16 bits of a float32.
  BF16: [
    2,
    (view, floats, from, to) => {
      const words = new Uint32Array(floats.buffer);
      for (let i = from; i < to; i++) words[i] = view.getUint16(2 * i, true) << 16;
    },
  ],
  FP16: [
    2,
    (view, floats, from, to) => {
      halves ??= makeHalves();
      for (let i = from; i < to; i++) floats[i] = halves[view.getUint16(2 * i, true)];
    },
  ],
  FP32: [
    4,
    (view, floats, from, to) => {
      for (let i = from; i < to; i++) floats[i] = view.getFloat32(4 * i, true);
    },
  ],
  FP64: [
    8,
    (view, floats, from, to) => {
      for (let i = from; i < to; i++) {
        const value = view.getFloat64(8 * i, true);
        const rounded = Math.fround(value);
        floats[i] = rounded === -Infinity && value !== -Infinity ? Infinity : rounded;
      }
    },
  ],
};

/** IEEE 754 binary16: sign, 5 bits of exponent with bias 15, 10 bits of fraction. Every value is exact in float32. */
function makeHalves(): Float32Array {
  const values = new Float32Array(2 ** 16);
  for (let bits = 0; bits < values.length; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0x1f) values[bits] = fraction === 0 ? sign * Infinity : Number.NaN;
    else if (exponent === 0) values[bits] = sign * fraction * 2 ** -24;
    else values[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return values;
}
