/** Draws recorded from an earlier version: sending one again, and what of the reply is not as it was. */
import { readFileSync } from 'node:fs';
import { decode } from './inference.js';
import type { Service } from './service.js';

export interface Recorded {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body, or what a test needs to know of it where `base64` is sent. */
  readonly body: Body;
  readonly base64?: string;
  readonly reply?: Reply;
  /** Instead of `reply` where it has binary tensors: the length of its JSON, and all of it. */
  readonly jsonLength?: number;
  readonly replyBase64?: string;
}

interface Body {
  readonly hard?: boolean;
  readonly estimator?: string;
  readonly num_samples?: number;
  readonly logits?: readonly unknown[];
  readonly temperature?: unknown;
  readonly parameters?: Body;
  readonly inputs?: readonly Input[];
}

interface Input {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data?: readonly unknown[];
  readonly values?: readonly unknown[];
}

type Reply = Readonly<Record<string, unknown>>;

interface Output {
  readonly name: string;
  readonly data: unknown;
}

/** The numbers of a reply by the name of their output, and what else it says. */
interface Parts {
  readonly numbers: ReadonlyMap<string, unknown>;
  readonly rest: unknown;
}

export function readRecorded(name: string): Recorded[] {
  return JSON.parse(readFileSync(`test/fixtures/${name}.json`, 'utf8')) as Recorded[];
}

const outputNames = [
  'samples',
  'indices',
  'noise',
  'top_indices',
  'log_samples',
  'log_prob',
  'grad_logits',
  'grad_temperature',
];

function partsOf(path: string, bytes: Buffer, jsonLength: number): Parts {
  if (jsonLength < bytes.length) {
    const { head, outputs } = decode(bytes, jsonLength);
    return {
      numbers: new Map(Object.entries(outputs).map(([name, { numbers }]) => [name, [...numbers]])),
      rest: { ...head, outputs: head.outputs.map((output) => ({ ...output, data: undefined })) },
    };
  }
  const reply = JSON.parse(bytes.toString()) as Reply;
  if (path.startsWith('/v2')) {
    const { outputs, ...rest } = reply as { outputs: Output[] };
    return {
      numbers: new Map(outputs.map(({ name, data }) => [name, data])),
      rest: { ...rest, outputs: outputs.map((output) => ({ ...output, data: undefined })) },
    };
  }
  const isOutput = ([name]: [string, unknown]) => outputNames.includes(name);
  const members = Object.entries(reply);
  return {
    numbers: new Map(members.filter(isOutput)),
    rest: Object.fromEntries(members.filter((member) => !isOutput(member))),
  };
}

/** What the bounds depend on. */
interface Scale {
  readonly hard: boolean;
  readonly samples: number;
  readonly isReinmax: boolean;
  readonly rows: number;
  readonly temperatureMin: number;
}

function scaleOf({ path, body, reply }: Recorded): Scale {
  if (!path.startsWith('/v2')) {
    const logits = body.logits as unknown[];
    return {
      hard: body.hard === true,
      isReinmax: body.estimator === 'reinmax',
      samples: body.num_samples ?? 1,
      rows: Array.isArray(logits[0]) ? logits.length : 1,
      temperatureMin: Math.min(...([reply?.temperature].flat() as number[])),
    };
  }
  const { parameters = {}, inputs = [] } = body;
  const input = (name: string) => inputs.find((each) => each.name === name);
  const [rows] = (input('logits') as Input).shape;
  const temperature = input('temperature');
  const temperatures = temperature?.values ?? temperature?.data ?? [parameters.temperature ?? 1];
  return {
    hard: parameters.hard === true || input('hard') !== undefined,
    isReinmax: parameters.estimator === 'reinmax',
    samples: parameters.num_samples ?? 1,
    rows,
    temperatureMin: Math.min(...(temperatures as number[])),
  };
}

/**
 * What the last bits of the CPU may change: a soft sample by this (docs/providers.md), and an exponential by this share
 * of itself, which is eight units in the last place.
 */
const bound = 1e-6;
/** What the recorders send at most, and the largest |z| of a gradient they ask for. */
const cotangentMax = 2;
const logitMax = 100;

/**
 * How far a value may be from the recorded one. Soft samples y and gradients take their exponentials from ONNX Runtime,
 * whose last bits belong to the CPU; everything else has the same bits everywhere. Where each exponential is off by a
 * share e of itself, each y is off by 2 e y.
 *
 * - A gradient for the logits is a sum over samples of y_i (c_i - sum_j c_j y_j) / tau. With cotangents of at most C
 *   it is off by at most 6 C e y_i / tau, and by half a unit in its last place, which is less than another C e / tau.
 *   ReinMax takes two of one such term and a half of another: less than four times as much.
 * - The gradient for the temperature is the sum of those, times z_i / tau, over categories, whose y_i add to 1, and
 *   over rows where they share it.
 */
function boundOf(name: string, recorded: Recorded): number {
  if (name === 'samples') return bound;
  const { isReinmax, samples, rows, temperatureMin } = scaleOf(recorded);
  const logitBound = ((isReinmax ? 4 : 1) * samples * 7 * cotangentMax * bound) / temperatureMin;
  if (name === 'grad_logits') return logitBound;
  if (name === 'grad_temperature') return (rows * logitBound * logitMax) / temperatureMin;
  return 0;
}

/** The largest difference between the numbers of two arrays; infinite where they have not the same form. */
function largestDifference(actual: unknown, recorded: unknown, isHard: boolean): number {
  if (Array.isArray(actual) && Array.isArray(recorded) && actual.length === recorded.length) {
    return actual.reduce((most, value, index) => Math.max(most, largestDifference(value, recorded[index], isHard)), 0);
  }
  if (Object.is(actual, recorded)) return 0;
  // Hard samples are 0 and 1, byte for byte.
  const isExact = isHard && (recorded === 0 || recorded === 1);
  return typeof actual === 'number' && typeof recorded === 'number' && !isExact
    ? Math.abs(actual - recorded)
    : Number.POSITIVE_INFINITY;
}

export interface Replayed {
  readonly status: number;
  /** Outputs that are further from the recorded ones than their bounds, or that are not there. */
  readonly off: readonly string[];
  /** What the reply says besides, and what the recorded one says. */
  readonly rest: unknown;
  readonly recordedRest: unknown;
}

export async function replay({ app }: Service, recorded: Recorded): Promise<Replayed> {
  const { path, headers = { 'content-type': 'application/json' }, body, base64, reply, replyBase64 } = recorded;
  const payload = base64 === undefined ? JSON.stringify(body) : Buffer.from(base64, 'base64');
  const response = await app.inject({ method: 'POST', url: path, headers, payload });
  const { statusCode: status, rawPayload } = response;
  if (status !== 200) return { status, off: [response.body], rest: undefined, recordedRest: undefined };
  const jsonLength = Number(response.headers['inference-header-content-length'] ?? rawPayload.length);
  const actual = partsOf(path, rawPayload, jsonLength);
  const bytes = reply ? Buffer.from(JSON.stringify(reply)) : Buffer.from(replyBase64 as string, 'base64');
  const expected = partsOf(path, bytes, recorded.jsonLength ?? bytes.length);
  const { hard } = scaleOf(recorded);
  const off = [...expected.numbers].flatMap(([name, numbers]) => {
    const difference = largestDifference(actual.numbers.get(name), numbers, hard);
    return difference <= boundOf(name, recorded) ? [] : `${name}: ${difference}`;
  });
  return { status, off, rest: actual.rest, recordedRest: expected.rest };
}
