/** What the routes that draw share: from a validated draw to its job, and to the end of its reply. */
import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../access/callers.js';
import { CallerGone, Problem, type ProblemCode } from '../errors.js';
import { isPrintedWhole, type Member } from '../json/print-body.js';
import { SeedList } from '../json/seed-list.js';
import { roomInTurn } from '../runtime/event-loop-turns.js';
import { jobUnits } from '../sampler/cost.js';
import type { Gradients } from '../sampler/gradient.js';
import {
  type Job,
  type JobResult,
  jobElements,
  type OutputName,
  outputs,
  resultBytes,
  type Terms,
} from '../sampler/job.js';
import type { Sampler } from '../sampler/sampler.js';
import type { Draw } from '../schemas/draw.js';
import type { Temperature } from '../schemas/temperature.js';
import type { Estimator } from '../schemas/vjp.js';

/** Codes that every route with logits can give. */
export const logitsCodes: readonly ProblemCode[] = [
  'malformed-json',
  'bad-request',
  'expectation-failed',
  'unauthenticated',
  'request-timeout',
  'body-too-large',
  'too-many-elements',
  'too-much-work',
  'unsupported-media-type',
  'validation',
  'non-finite-logits',
  'all-masked-row',
  'ragged-rows',
  'empty-input',
  'temperature-out-of-range',
  'quota-exceeded',
  'internal',
  'overloaded',
  'worker-lost',
  'deadline-exceeded',
];

/**
 * Draws a job for whoever sent the request: makes room for its result and its reply, and charges the draw to the quota, before it is
 * queued. Nothing reads the body once it has been drawn. The result may be read until `sendDrawn`.
 *
 * @throws {Problem} `too-many-elements`, `too-much-work`, `overloaded`, `quota-exceeded`, or what the sampler throws, as a rejection
 */
export async function drawFor(
  { caller, memory }: FastifyRequest,
  sampler: Sampler,
  job: Job,
  terms: Terms,
): Promise<JobResult> {
  const tooMuch = sampler.tooMuch(job, terms);
  if (tooMuch) throw tooMuch;
  const bytes = drawnBytes(job);
  memory.hold(bytes);
  let result: JobResult;
  try {
    result = await (caller ? chargedDraw(caller, sampler, job, terms) : sampler.draw(job, terms));
  } finally {
    memory.settle();
  }
  const room = roomInTurn(bytes);
  if (room) await room;
  return result;
}

/** Bytes of the longest spelling of an element and of the comma behind it: -1.1754944e-38, -2147483648 and -2.2250738585072014e-308. */
const spelledBytesMax = { float32: 15, int32: 12, float64: 25 };

/** What goes around the numbers of a reply: names, brackets, the seed, temperature and provider. */
const replyTextBytes = 512;

/**
 * Bytes that a drawn job holds at most until its reply is out: its result, and its text where that is printed whole. A longer one is
 * printed as it is sent. The sums of a gradient are float64 and float32 beside it.
 */
function drawnBytes(job: Job): number {
  const draws = job.samples * job.rows;
  let numbers = 0;
  let textBytes = replyTextBytes;
  for (const name of job.outputs) {
    const count = draws * outputs[name].width(job);
    const { array } = outputs[name];
    numbers += count;
    textBytes +=
      count * spelledBytesMax[array === Int32Array ? 'int32' : array === Float64Array ? 'float64' : 'float32'];
  }
  const summed = job.outputs.has('gradLogits') ? 12 * job.rows * (job.categories + 1) : 0;
  return resultBytes(job) + summed + (isPrintedWhole(numbers) ? textBytes : sliceBytes);
}

/** What a reply holds beside its result when it is printed, or sent, in slices. */
const sliceBytes = 2 ** 17;

/**
 * Sends the reply of a drawn job, JSON unless its type has been set. One that is text, or bytes, waits as that, and its result can be used again; one in slices still reads its
 * result. When a client leaves, such a reply may still be in the making: its result is then left to the garbage collector.
 */
export function sendDrawn(
  { memory }: FastifyRequest,
  reply: FastifyReply,
  sampler: Sampler,
  { job, result }: Drawn,
  body: string | Buffer | Readable,
): FastifyReply {
  if (typeof body === 'string' || Buffer.isBuffer(body)) {
    sampler.release(result);
    memory.free(drawnBytes(job) - body.length);
  } else {
    reply.raw.once('finish', () => sampler.release(result));
  }
  if (!reply.hasHeader('content-type')) reply.type('application/json');
  return reply.send(body as never);
}

/** A job and what it resolved to. */
export interface Drawn {
  readonly job: Job;
  readonly result: JobResult;
}

async function chargedDraw(caller: Caller, sampler: Sampler, job: Job, terms: Terms): Promise<JobResult> {
  const units = jobUnits(job);
  caller.charge(units);
  try {
    const result = await sampler.draw(job, terms);
    caller.drawn(jobElements(job));
    return result;
  } catch (error) {
    // What was given up for the sake of the caller has cost what was begun of it; anything else is not the caller's fault.
    const isTheirs = error instanceof CallerGone || (error instanceof Problem && error.code === 'deadline-exceeded');
    const begunShare = isTheirs ? terms.begunDraws / (job.rows * job.samples) : 0;
    caller.refund(units - Math.ceil(begunShare * units));
    if (begunShare > 0) caller.drawn(terms.begunDraws * job.categories);
    throw error;
  }
}

/** 64 bits from the system's CSPRNG, as the decimal string that replays them. */
export function randomSeed(): string {
  return randomBytes(8).readBigUInt64LE().toString();
}

/** The job of a draw, with what is special to its kind. */
function jobOf(
  { logits, temperature, seed, numSamples = 1, rowOffset, sampleOffset, hard, noise }: Draw,
  { kind, topK, points, outputs: wanted }: Pick<Job, 'kind' | 'topK' | 'points' | 'outputs'>,
): Job {
  const { rows, categories, data } = logits;
  return {
    kind,
    rows,
    categories,
    samples: numSamples,
    logits: data,
    temperature: ofRows(temperature, rows),
    streams: streamsOf(rowOffset, seed, rows),
    firstSample: sampleOffset,
    hard,
    gumbel: noise === 'gumbel',
    topK,
    points,
    outputs: wanted,
  };
}

/** The job that draws the outputs wanted, and the categories of topIndices if there are any. */
export function sampleJob(draw: Draw, wanted: ReadonlySet<OutputName>, topK: number): Job {
  return jobOf(draw, { kind: 'draw', topK, points: new Float32Array(0), outputs: wanted });
}

/** The job of the backward pass; `cotangent` is float32 [S, B, K]. */
export function vjpJob(draw: Draw, cotangent: Float32Array, estimator: Estimator): Job {
  const straightThrough = estimator === 'straight_through';
  return jobOf(draw, {
    kind: straightThrough ? 'vjp' : 'reinmax',
    topK: 0,
    points: cotangent,
    outputs: new Set(straightThrough ? (['gradLogits', 'gradTemperature'] as const) : (['gradLogits'] as const)),
  });
}

/**
 * Refuses gradients that leave float32; `pointerOf` says where the request had its logits or its temperature, as a whole or, from `row`
 * 0 on, a row of them.
 *
 * @throws {Problem} `gradient-overflow`
 */
export function refuseOverflow(
  { temperature }: Draw,
  { logitsOverflowRow, temperatureOverflowRow, sharedTemperature }: Gradients,
  pointerOf: (field: 'logits' | 'temperature', row: number) => string,
): void {
  if (logitsOverflowRow >= 0) {
    throw overflow(`A gradient of row ${logitsOverflowRow}`, pointerOf('logits', logitsOverflowRow));
  }
  if (!temperature.perRow && !Number.isFinite(sharedTemperature)) {
    throw overflow('The gradient of the temperature', pointerOf('temperature', -1));
  }
  if (temperature.perRow && temperatureOverflowRow >= 0) {
    const where = `The gradient of the temperature of row ${temperatureOverflowRow}`;
    throw overflow(where, pointerOf('temperature', temperatureOverflowRow));
  }
}

function overflow(what: string, pointer: string): Problem {
  return new Problem('gradient-overflow', `${what} is larger than float32 can hold.`, [
    { pointer, message: 'has a gradient larger than 3.4028235e38: scale the cotangent down' },
  ]);
}

/** float32 [rows]. */
export function ofRows({ perRow, values }: Temperature, rows: number): Float32Array {
  return perRow ? values : new Float32Array(rows).fill(values[0] as number);
}

/** uint32 [rows, 3]: rows count up from the offset under one seed; with a seed per row each row is row 0 of its seed. */
function streamsOf(rowOffset: number, { perRow, words }: Draw['seed'], rows: number): Uint32Array {
  const streams = new Uint32Array(3 * rows);
  for (let row = 0; row < rows; row++) {
    const seed = perRow ? 2 * row : 0;
    streams[3 * row] = words[seed] as number;
    streams[3 * row + 1] = words[seed + 1] as number;
    streams[3 * row + 2] = perRow ? 0 : rowOffset + row;
  }
  return streams;
}

/** The members of a reply that say which draw it was. */
export function drawMembers({ seed, temperature, hard }: Draw, { noiseVersion, provider }: Sampler): Member[] {
  return [
    seedMember(seed),
    temperatureMember(temperature),
    { name: 'hard', value: hard },
    { name: 'noise_version', value: noiseVersion },
    { name: 'provider', value: provider },
  ];
}

function seedMember({ given }: Draw['seed']): Member {
  return given instanceof SeedList ? { name: 'seed', seeds: given } : { name: 'seed', value: given };
}

export function temperatureMember({ perRow, values }: Temperature): Member {
  return { name: 'temperature', numbers: values, shape: perRow ? [values.length] : [] };
}
