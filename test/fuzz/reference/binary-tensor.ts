/** Binary tensors, read with DataView: little-endian, row-major, without padding. */

const sizes = { BOOL: 1, INT32: 4, INT64: 8, UINT64: 8, FP16: 2, BF16: 2, FP32: 4, FP64: 8 } as const;

type Datatype = keyof typeof sizes;

export const datatypes = Object.keys(sizes) as readonly Datatype[];

export function bytesOf(datatype: Datatype): number {
  return sizes[datatype];
}

/** A half-precision number: its sign, exponent and fraction. */
function half(bits: number): number {
  const sign = bits >= 2 ** 15 ? -1 : 1;
  const exponent = Math.floor(bits / 2 ** 10) % 32;
  const fraction = (bits % 2 ** 10) / 2 ** 10;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15));
}

/** A bfloat16 number: the upper half of a float32. */
function brain(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, bits);
  return view.getFloat32(0);
}

/** -infinity is a mask, null in JSON. */
function masked(value: number): number | null {
  return value === Number.NEGATIVE_INFINITY ? null : value;
}

/** An integer above 2^53 is a digit string, as a seed is. */
function integer(value: bigint): number | string {
  return value >= 0n && value > BigInt(Number.MAX_SAFE_INTEGER) ? String(value) : Number(value);
}

/** The elements as JSON would have them; undefined if a flag is neither 0 nor 1. */
export function binaryValues(bytes: Buffer, datatype: Datatype): unknown[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = sizes[datatype];
  const read: Readonly<Record<Datatype, (offset: number) => unknown>> = {
    BOOL: (offset) => ([false, true] as const)[view.getUint8(offset)],
    INT32: (offset) => view.getInt32(offset, true),
    INT64: (offset) => integer(view.getBigInt64(offset, true)),
    UINT64: (offset) => integer(view.getBigUint64(offset, true)),
    FP16: (offset) => masked(half(view.getUint16(offset, true))),
    BF16: (offset) => masked(brain(view.getUint16(offset, true))),
    FP32: (offset) => masked(view.getFloat32(offset, true)),
    FP64: (offset) => masked(view.getFloat64(offset, true)),
  };
  const values = Array.from({ length: bytes.length / size }, (_, index) => read[datatype](index * size));
  return values.includes(undefined) ? undefined : values;
}
