/**
 * Requests of the Open Inference Protocol, JSON and binary, up to the draw: a request is accepted exactly if the
 * reference reads it as legal, and then its numbers are those that DataView reads.
 */
import { headerValue, jsonLengthHeader, legalMessage, type Message } from '../../../faults/mutate/message.js';
import type { Random } from '../../../faults/mutate/random.js';
import { Problem } from '../../../src/errors.js';
import { MalformedJsonError } from '../../../src/json/malformed-json-error.js';
import { readSampleInference, readVjpInference } from '../../../src/open-inference/draw.js';
import { readLogProbInference } from '../../../src/open-inference/log-prob.js';
import { type InferBody, inferRequest, readInferRequest } from '../../../src/open-inference/request.js';
import { parseInferBody } from '../../../src/open-inference/request-body.js';
import { bytesOf, chunksOf } from '../../../src/open-inference/tensors/bytes.js';
import type { Draw } from '../../../src/schemas/draw.js';
import type { Logits } from '../../../src/schemas/logits.js';
import { encode, type Tensor as SentTensor } from '../../support/inference.js';
import { check, Finding, shown } from '../finding.js';
import type { Input } from '../input.js';
import { mutateRequest } from '../mutate.js';
import { type Inference, isLegalInference, type Model, modelNames, readInference } from '../reference/inference.js';
import { hasLongNumber, readJson } from '../reference/json-text.js';
import type { Tensor } from '../reference/tensor.js';
import type { Target } from '../target.js';
import {
  checkMalformed,
  checkPointers,
  checkProblem,
  limits as jsonLimits,
  mayBeTooLarge,
  usedMemory,
} from './json.js';

const limits = { ...jsonLimits, binaryElementsReturnedMax: 8192 };
const schema = inferRequest(limits);

function modelOf(path: string): Model | undefined {
  return modelNames.find((name) => path.startsWith(`/v2/models/${name}/`));
}

/** The body as it arrives: what is behind the JSON is aligned, as http/body-reader.ts does it. */
function arrived({ body, jsonLength = 0 }: Input): Buffer {
  const shift = (8 - (jsonLength % 8)) % 8;
  const bytes = Buffer.from(new ArrayBuffer(body.length + 8), shift, body.length);
  body.copy(bytes);
  return bytes;
}

function parse(input: Input): Promise<InferBody> {
  return new Promise((resolve, reject) => {
    parseInferBody({ memory: usedMemory as never }, arrived(input), input.jsonLength, reject, (_, body) =>
      resolve(body as InferBody),
    );
  });
}

/** The JSON that a raw body stands for. */
function rawJson({ length }: Buffer): unknown {
  const logits = { name: 'logits', shape: [1, length / 4], datatype: 'FP32', parameters: { binary_data_size: length } };
  return { parameters: { binary_data_output: true }, inputs: [logits] };
}

/** A logit as it is drawn. */
function drawn(value: unknown): number {
  if (value === null) return Number.NEGATIVE_INFINITY;
  const rounded = Math.fround(value as number);
  return Math.abs(rounded) < 2 ** -100 ? 0 : rounded;
}

function checkNumbers(
  name: string,
  data: ArrayLike<number>,
  tensor: Tensor,
  expected: (value: unknown) => number,
): void {
  check(data.length === tensor.values.length, () => `${name} has ${data.length} numbers, not ${tensor.values.length}`);
  for (const [index, value] of tensor.values.entries()) {
    check(data[index] === expected(value), () => `${name} has ${data[index]} for ${shown(value)}`);
  }
}

const rounded = (value: unknown) => Math.fround(value as number);

/** Checks the numbers of an accepted request. */
function checkRead(read: { draw?: Draw; logits?: Logits; cotangent?: Float32Array }, { tensors }: Inference): void {
  const { draw, logits = draw?.logits, cotangent } = read;
  const each = (name: string, use: (tensor: Tensor) => void) => {
    const tensor = tensors.get(name);
    if (tensor) use(tensor);
  };
  each('logits', (tensor) => checkNumbers('logits', logits?.data ?? [], tensor, drawn));
  each('temperature', (tensor) => draw && checkNumbers('temperature', draw.temperature.values, tensor, rounded));
  each('cotangent', (tensor) => checkNumbers('cotangent', cotangent ?? [], tensor, rounded));
  each('seed', (tensor) => {
    const { words } = (draw as Draw).seed;
    const seeds = tensor.values.map((_, index) => BigInt(words[2 * index]) + (BigInt(words[2 * index + 1]) << 32n));
    check(
      shown(seeds.map(String)) === shown(tensor.values.map((value) => String(BigInt(value as number | string)))),
      () => `seed is ${seeds}`,
    );
  });
  each('hard', (tensor) => {
    const { hard, hardRows } = draw as Draw;
    const rows = tensor.values.map((_, index) => (hardRows === undefined ? hard : hardRows[index] === 1));
    check(shown(rows) === shown(tensor.values), () => `hard is ${rows}`);
  });
}

/** Writes the bytes of a body as if they were the indices of a reply. */
function checkIndices(body: Buffer): void {
  const indices = new Int32Array(
    Uint8Array.from(body.subarray(0, Math.min(64, body.length & ~3)), (byte) => byte & 0x7f).buffer,
  );
  const bytes = Buffer.concat([...chunksOf(indices)]);
  check(bytes.length === bytesOf(indices), () => `${indices.length} indices take ${bytes.length} bytes`);
  for (const [index, value] of indices.entries()) {
    check(
      bytes.readBigInt64LE(8 * index) === BigInt(value),
      () => `${value} is written as ${bytes.readBigInt64LE(8 * index)}`,
    );
  }
}

const readers: Readonly<Record<Model, (request: never, binary: Buffer) => Promise<object>>> = {
  gumbel_softmax: (request, binary) => readSampleInference(request, binary, limits, usedMemory, () => '7'),
  gumbel_softmax_vjp: (request, binary) => readVjpInference(request, binary, limits, usedMemory),
  gumbel_softmax_log_prob: (request, binary) => readLogProbInference(request, binary, limits),
};

function checkRefused(error: unknown, body: Buffer, isLegal: boolean | undefined): void {
  if (error instanceof MalformedJsonError) {
    checkMalformed(body, error);
    return;
  }
  if (!(error instanceof Problem)) throw error;
  checkProblem(error);
  check(
    isLegal !== true || hasLongNumber(body),
    () => `a legal request is refused: ${error.code} ${error.message} ${shown(error.errors)}`,
  );
}

async function run(input: Input): Promise<void> {
  const model = modelOf(input.path);
  if (model === undefined) return;
  const { body, jsonLength = body.length } = input;
  checkIndices(body);
  const isRaw = input.jsonLength === 0;
  const [text, binary] = [body.subarray(0, jsonLength), body.subarray(jsonLength)];
  const isWhole = jsonLength <= body.length && (body.length > 0 || isRaw);
  const isFloats = isRaw && body.length % 4 === 0 && model === 'gumbel_softmax';
  const json = isRaw ? isFloats && { value: rawJson(binary) } : isWhole && readJson(text);
  const inference = json ? readInference(model, json.value, binary) : undefined;
  const isLegal = isLegalInference(model, inference, limits);
  let parsed: InferBody;
  try {
    parsed = await parse(input);
  } catch (error) {
    checkRefused(error, text, isLegal && !mayBeTooLarge(text));
    return;
  }
  let read: object;
  try {
    read = await readers[model](readInferRequest(schema, model, parsed) as never, parsed.binary);
  } catch (error) {
    checkRefused(error, text, isLegal);
    if (!isRaw && json && error instanceof Problem) checkPointers(error, json.value);
    return;
  }
  check(isLegal !== false, () => 'a request that is not legal is accepted');
  if (inference === undefined) throw new Finding('a request that cannot be read is accepted');
  checkRead(read, inference);
}

/** A legal request to any model, with tensors of any datatype. */
function legalInput(random: Random): Input {
  const message = random.chance(0.4) ? legalMessage(random) : ofModel(random);
  const length = headerValue(message, jsonLengthHeader);
  return { path: message.path, jsonLength: length === undefined ? undefined : Number(length), body: message.body };
}

function ofModel(random: Random): Message {
  const [rows, categories] = [random.between(1, 3), random.between(1, 4)];
  const binary = random.chance(0.7);
  const model = random.pick(modelNames);
  const shape = [rows, categories];
  const tensor = (name: string, datatype: SentTensor['datatype'], sizes: number[], value: () => number): SentTensor => {
    const count = sizes.reduce((product, size) => product * size, 1);
    return { name, datatype, shape: sizes, values: Array.from({ length: count }, value), binary };
  };
  const small = () => random.below(64) / 16;
  const floats = binary
    ? random.pick(['FP32', 'FP64', 'FP16', 'BF16'] as const)
    : random.pick(['FP32', 'FP64'] as const);
  const isHalf = floats === 'FP16' || floats === 'BF16';
  const logits = tensor('logits', floats, shape, isHalf ? () => 0x3c00 + random.below(512) : small);
  const perRow = random.pick([1, rows]);
  const seed = tensor('seed', random.pick(['UINT64', 'INT64']), [perRow], () => random.below(2 ** 30));
  const hard = tensor('hard', 'BOOL', [perRow], () => random.below(2));
  const temperature = tensor('temperature', 'FP32', [perRow], () => 0.5);
  const index = () => random.below(categories);
  const inputs: Readonly<Record<Model, () => SentTensor[]>> = {
    gumbel_softmax: () => [
      logits,
      seed,
      hard,
      ...(random.chance(0.3) ? [tensor('given_indices', random.pick(['INT64', 'INT32']), [rows], index)] : []),
    ],
    gumbel_softmax_vjp: () => [temperature, logits, seed, tensor('cotangent', 'FP32', shape, small)],
    gumbel_softmax_log_prob: () =>
      random.pick([
        () => [logits, temperature, tensor('samples', 'FP64', shape, () => 1 / categories)],
        () => [logits, tensor('log_samples', 'FP32', shape, () => -Math.log(categories))],
        () => [logits, tensor('indices', 'INT64', [rows], index)],
        () => [logits, tensor('top_indices', 'INT32', [rows, 1], index)],
      ])(),
  };
  const parameters = random.pick<Record<string, unknown>>([{}, { binary_data_output: true }, { timeout: 5 }]);
  let tensors = inputs[model]();
  if (random.chance(0.3) && tensors.includes(seed)) {
    tensors = tensors.filter((each) => each !== seed);
    parameters.seed = random.pick<unknown>([5, '18446744073709551615']);
  }
  const { payload, headers } = encode({ inputs: tensors, ...(random.chance(0.8) && { parameters }) });
  return { method: 'POST', path: `/v2/models/${model}/infer`, headers: Object.entries(headers), body: payload };
}

export const tensorsTarget: Target = {
  seeds(random) {
    const inputs: Input[] = [{ path: '/v2/models/gumbel_softmax/infer', jsonLength: 0, body: Buffer.alloc(12, 1) }];
    while (inputs.length < 150) {
      const input = legalInput(random);
      if (modelOf(input.path) !== undefined && input.body.length < 4096) inputs.push(input);
    }
    return inputs;
  },
  mutate(random, input, other) {
    const mutated = mutateRequest(random, input, other);
    if (random.chance(0.02)) return { ...mutated, path: `/v2/models/${random.pick(modelNames)}/infer` };
    if (random.chance(0.02))
      return { ...mutated, jsonLength: random.pick([undefined, 0, random.below(mutated.body.length + 9)]) };
    return mutated;
  },
  run,
};
