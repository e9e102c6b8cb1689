/**
 * The datatypes of the Open Inference Protocol that this service reads or writes, and how many bytes an element has.
 * Binary tensors are little-endian and row-major without padding, as typed arrays are on every machine that ONNX
 * Runtime runs on.
 */
export const datatypeBytes = { BOOL: 1, INT64: 8, UINT64: 8, FP16: 2, FP32: 4, FP64: 8 } as const;

export type Datatype = keyof typeof datatypeBytes;

export const datatypes = Object.keys(datatypeBytes) as readonly Datatype[];

export type FloatDatatype = 'FP16' | 'FP32' | 'FP64';

export function isFloat(datatype: Datatype): datatype is FloatDatatype {
  return datatype.startsWith('FP');
}
