/** Messages of the Open Inference Protocol with binary tensors: JSON in front, bytes behind it, little-endian. */

import type { NumberArray } from './tensor.js';
import type { Message, Reply } from './transport.js';

const datatypes = [
  ['FP32', Float32Array],
  ['UINT64', BigUint64Array],
  ['INT64', BigInt64Array],
  ['BOOL', Uint8Array],
] as const;

/** The type of an array says the datatype: Uint8Array is BOOL. */
export interface InputTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | BigUint64Array | BigInt64Array | Uint8Array;
}

export type Parameters = Readonly<Record<string, string | number | boolean>>;

export interface InferRequest {
  readonly inputs: readonly InputTensor[];
  readonly parameters: Parameters;
  /** Those that the model sends by itself where they are not named. */
  readonly outputs?: readonly string[];
}

interface OutputTensor {
  readonly shape: readonly number[];
  readonly data: NumberArray;
}

export interface InferReply {
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly outputs: ReadonlyMap<string, OutputTensor>;
}

const lengthHeader = 'inference-header-content-length';

export function encode({ inputs, parameters, outputs }: InferRequest): Message {
  const json = new TextEncoder().encode(
    JSON.stringify({
      parameters: { ...parameters, binary_data_output: true },
      inputs: inputs.map(({ name, shape, data }) => ({
        name,
        shape,
        datatype: datatypes.find(([, Kind]) => data instanceof Kind)?.[0],
        parameters: { binary_data_size: data.byteLength },
      })),
      outputs: outputs?.map((name) => ({ name })),
    }),
  );
  const body = new Uint8Array(inputs.reduce((sum, { data }) => sum + data.byteLength, json.length));
  body.set(json);
  let end = json.length;
  for (const { data } of inputs) {
    body.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), end);
    end += data.byteLength;
  }
  const headers = { 'content-type': 'application/octet-stream', [lengthHeader]: String(json.length) };
  return { body, headers };
}

interface DeclaredOutput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters?: { readonly binary_data_size: number };
  readonly data?: readonly (number | null)[];
}

export function decode({ headers, bytes }: Reply): InferReply {
  const jsonLength = Number(headers.get(lengthHeader) ?? bytes.byteLength);
  const json = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 0, jsonLength)));
  const outputs = new Map<string, OutputTensor>();
  let end = jsonLength;
  for (const { name, datatype, shape, parameters, data } of json.outputs as DeclaredOutput[]) {
    const start = end;
    end += parameters?.binary_data_size ?? 0;
    const numbers = data
      ? Float64Array.from(data, (value) => value ?? Number.NEGATIVE_INFINITY)
      : bytes.slice(start, end);
    outputs.set(name, { shape, data: numbersOf(datatype, numbers) });
  }
  return { parameters: json.parameters, outputs };
}

/** Categories are below 2^31, so int32 holds what the protocol sends in 64 bits. */
function numbersOf(datatype: string, numbers: ArrayBuffer | Float64Array): NumberArray {
  const isBinary = numbers instanceof ArrayBuffer;
  if (datatype === 'FP32') return isBinary ? new Float32Array(numbers) : Float32Array.from(numbers);
  if (datatype === 'FP64') return isBinary ? new Float64Array(numbers) : numbers;
  if (datatype === 'INT64') return Int32Array.from(isBinary ? new BigInt64Array(numbers) : numbers, Number);
  throw new Error(`The service sent a tensor of ${datatype}, which this client does not read.`);
}
