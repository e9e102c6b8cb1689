/**
 * A request before it is put on the wire, and the legal ones that mutations start from: every route, JSON and binary.
 */
import { encode, type Tensor } from '../../test/support/inference.js';
import type { Random } from './random.js';

export interface Message {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

/** Bytes of the JSON in a binary body; undefined when all of the body is JSON. */
export const jsonLengthHeader = 'inference-header-content-length';

/** That of a caller that traces. */
export const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

export function headerValue({ headers }: Message, name: string): string | undefined {
  return headers.find(([each]) => each === name)?.[1];
}

/** The message with a header set, or taken away. */
export function withHeader(message: Message, name: string, value: string | undefined): Message {
  const others = message.headers.filter(([each]) => each !== name);
  return { ...message, headers: value === undefined ? others : [...others, [name, value]] };
}

/** Shapes of small draws. */
const shapes = [
  [1, 1],
  [1, 2],
  [1, 10],
  [2, 3],
  [3, 7],
  [4, 16],
  [5, 33],
] as const;

/** Mostly small; now and then one that takes the paths of larger bodies and replies. */
function anyShape(random: Random): readonly [rows: number, categories: number] {
  if (random.chance(0.01)) return [1, 5000];
  return random.chance(0.05) ? [64, 10] : random.pick(shapes);
}

function numbers(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.between(-9000, 9000) / 1000);
}

function rows(random: Random, rowCount: number, categories: number): (number | null)[][] {
  return Array.from({ length: rowCount }, () =>
    numbers(random, categories).map((value, at) => (at > 0 && random.chance(0.1) ? null : value)),
  );
}

function json(path: string, body: unknown): Message {
  return {
    method: 'POST',
    path,
    headers: [['content-type', 'application/json']],
    body: Buffer.from(JSON.stringify(body)),
  };
}

function sample(random: Random): Message {
  const [count, categories] = anyShape(random);
  const schedule = { schedule: 'exponential', initial: 1, minimum: 0.5, rate: 1e-4, step: 700 };
  return json('/sample', {
    logits: rows(random, count, categories),
    temperature: random.pick<unknown>([0.5, Array(count).fill(0.7), schedule]),
    hard: random.chance(0.3),
    seed: random.pick<unknown>([7, '18446744073709551615', Array(count).fill(3)]),
    num_samples: random.between(1, 3),
    sample_offset: random.below(5),
    noise: random.pick(['gumbel', 'none']),
    top_k: 1,
    return: random.pick([['samples'], ['indices'], ['samples', 'indices', 'log_samples'], ['log_prob', 'noise']]),
  });
}

function vjp(random: Random): Message {
  const [count, categories] = anyShape(random);
  const cotangent = Array.from({ length: count }, () => numbers(random, categories));
  return json('/sample/vjp', { logits: rows(random, count, categories), temperature: 0.5, seed: 7, cotangent });
}

function logProb(random: Random): Message {
  const [count, categories] = anyShape(random);
  const samples = Array.from({ length: count }, () => Array(categories).fill(1 / categories));
  const logits = Array.from({ length: count }, () => numbers(random, categories));
  return json('/log-prob', { logits, temperature: 0.5, samples });
}

function infer(random: Random, binary: boolean): Message {
  const [count, categories] = anyShape(random);
  const perRow = random.chance(0.5) ? count : 1;
  const tensors: Tensor[] = [
    {
      name: 'logits',
      datatype: random.pick(['FP32', 'FP64']),
      shape: [count, categories],
      values: numbers(random, count * categories),
      binary,
    },
    { name: 'temperature', datatype: 'FP32', shape: [perRow], values: Array(perRow).fill(0.5), binary },
    { name: 'seed', datatype: 'INT64', shape: [perRow], values: Array(perRow).fill(11), binary: random.chance(0.5) },
  ];
  const outputs = [{ name: 'samples', parameters: { binary_data: binary } }, { name: 'indices' }];
  const { payload, headers } = encode({ inputs: tensors, outputs, parameters: { num_samples: 2 }, id: 'one' });
  const path = random.pick(['/v2/models/gumbel_softmax/infer', '/v2/models/gumbel_softmax/versions/1/infer']);
  return { method: 'POST', path, headers: Object.entries(headers), body: payload };
}

function get(random: Random): Message {
  const path = random.pick([
    '/livez',
    '/readyz',
    '/problems/validation',
    '/v2',
    '/v2/models/gumbel_softmax',
    '/v2/health/ready',
  ]);
  return { method: 'GET', path, headers: [], body: Buffer.alloc(0) };
}

/** One legal request, some of them of a caller that traces. */
export function legalMessage(random: Random): Message {
  const message = untraced(random);
  return random.chance(0.3) ? withHeader(message, 'traceparent', traceparent) : message;
}

function untraced(random: Random): Message {
  const roll = random.below(100);
  if (roll < 35) return sample(random);
  if (roll < 45) return vjp(random);
  if (roll < 55) return logProb(random);
  if (roll < 70) return infer(random, false);
  if (roll < 95) return infer(random, true);
  return get(random);
}
