/**
 * Requests and replies of the Open Inference Protocol for tests: tensors to bytes or JSON and back, and nothing of src.
 */

export interface Tensor {
  readonly name: string;
  readonly datatype: 'FP32' | 'FP64' | 'FP16' | 'BF16' | 'BOOL' | 'UINT64' | 'INT64' | 'INT32';
  readonly shape: readonly number[];
  /** FP16 and BF16 as their bits, null in JSON and -Infinity in bytes for a mask, BOOL as 0 and 1. */
  readonly values: readonly (number | bigint)[];
  readonly binary: boolean;
}

export interface Inference {
  readonly inputs: readonly Tensor[];
  readonly parameters?: Record<string, unknown>;
  readonly outputs?: readonly { name: string; parameters?: { binary_data?: boolean } }[];
  readonly id?: string;
}

export interface Payload {
  readonly payload: Buffer;
  readonly headers: Record<string, string>;
}

/** The bytes of a binary tensor. */
export function bytesOf({ datatype, values }: Pick<Tensor, 'datatype' | 'values'>): Buffer {
  switch (datatype) {
    case 'FP32':
      return Buffer.from(Float32Array.from(values).buffer);
    case 'FP64':
      return Buffer.from(Float64Array.from(values).buffer);
    case 'FP16':
    case 'BF16':
      return Buffer.from(Uint16Array.from(values).buffer);
    case 'INT32':
      return Buffer.from(Int32Array.from(values, Number).buffer);
    case 'BOOL':
      return Buffer.from(values as number[]);
    default:
      return Buffer.from(BigInt64Array.from(values, BigInt).buffer);
  }
}

function jsonValues({ datatype, values }: Tensor): unknown[] {
  if (datatype === 'BOOL') return values.map((value) => value === 1);
  return values.map((value) => (value === -Infinity ? null : Number(value)));
}

/** The request, with its binary tensors behind the JSON if there are any. */
export function encode({ inputs, ...rest }: Inference): Payload {
  const declared = inputs.map((tensor) => {
    const { name, datatype, shape, binary } = tensor;
    return binary
      ? { name, datatype, shape, parameters: { binary_data_size: bytesOf(tensor).length } }
      : { name, datatype, shape, data: jsonValues(tensor) };
  });
  const json = Buffer.from(JSON.stringify({ ...rest, inputs: declared }));
  const binary = inputs.filter((tensor) => tensor.binary);
  if (binary.length === 0) return { payload: json, headers: { 'content-type': 'application/json' } };
  return {
    payload: Buffer.concat([json, ...binary.map(bytesOf)]),
    headers: { 'inference-header-content-length': String(json.length) },
  };
}

/** An output as numbers of the type its datatype has, INT64 as int32. */
export interface Output {
  readonly shape: number[];
  readonly datatype: string;
  readonly numbers: Float32Array | Float64Array | Int32Array;
}

interface DeclaredOutput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: number[];
  readonly parameters?: { readonly binary_data_size: number };
  readonly data?: (number | null)[];
}

export interface Answer {
  readonly head: {
    model_name: string;
    model_version: string;
    id?: string;
    parameters: Record<string, unknown>;
    outputs: DeclaredOutput[];
  };
  readonly outputs: Readonly<Record<string, Output>>;
}

/** Reads a reply whose JSON has `jsonLength` bytes; null in JSON is -Infinity. */
export function decode(body: Buffer, jsonLength: number = body.length): Answer {
  const head = JSON.parse(body.toString('utf8', 0, jsonLength)) as Answer['head'];
  let start = jsonLength;
  const outputs = head.outputs.map(({ name, datatype, shape, parameters, data }): [string, Output] => {
    if (data) return [name, { shape, datatype, numbers: numbersIn(datatype, data) }];
    const end = start + (parameters?.binary_data_size ?? 0);
    const bytes = Uint8Array.from(body.subarray(start, end));
    start = end;
    return [name, { shape, datatype, numbers: numbersOf(datatype, bytes) }];
  });
  if (start !== body.length) throw new Error(`${body.length - start} bytes are left over`);
  return { head, outputs: Object.fromEntries(outputs) };
}

function numbersIn(datatype: string, data: (number | null)[]): Output['numbers'] {
  const values = data.map((value) => value ?? -Infinity);
  if (datatype === 'INT64') return Int32Array.from(values);
  return datatype === 'FP64' ? Float64Array.from(values) : Float32Array.from(values);
}

function numbersOf(datatype: string, { buffer }: Uint8Array): Output['numbers'] {
  if (datatype === 'INT64') return Int32Array.from(new BigInt64Array(buffer), Number);
  return datatype === 'FP64' ? new Float64Array(buffer) : new Float32Array(buffer);
}
