/**
 * The datatypes of the Open Inference Protocol that this service reads or writes, with the bytes of an element. Binary
 * tensors are little-endian, row-major and without padding, like typed arrays on every platform of ONNX Runtime.
 */
export const datatypeBytes = { BOOL: 1, INT32: 4, INT64: 8, UINT64: 8, FP16: 2, BF16: 2, FP32: 4, FP64: 8 } as const;

export type Datatype = keyof typeof datatypeBytes;

export const datatypes = Object.keys(datatypeBytes) as readonly Datatype[];

export const floatDatatypes = ['FP32', 'FP16', 'BF16', 'FP64'] as const satisfies readonly Datatype[];

export type FloatDatatype = (typeof floatDatatypes)[number];

export function isFloat(datatype: Datatype): datatype is FloatDatatype {
  return floatDatatypes.some((float) => float === datatype);
}
