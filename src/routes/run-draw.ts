/** Runs a job for the client that sent the request: its memory, its quota, and the end of its reply. */
import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../access/callers.js';
import { CallerGone } from '../errors.js';
import { isPrintedWhole } from '../json/print-body.js';
import { roomInTurn } from '../runtime/event-loop-turns.js';
import { jobUnits } from '../sampler/cost.js';
import { DrawError } from '../sampler/draw-error.js';
import { type Job, type JobResult, jobElements, outputWidth, resultBytes, type Terms } from '../sampler/job.js';
import { type OutputName, outputs } from '../sampler/outputs.js';
import type { Sampler } from '../sampler/sampler.js';
import { asProblem, problemOf } from './draw-problems.js';

/**
 * Draws a job for whoever sent the request: makes room for its result and its reply, and charges the draw to the quota,
 * before it is queued. Nothing reads the body once it has been drawn. The result may be read until `sendDrawn`.
 *
 * @throws {Problem} `too-many-elements`, `too-much-work`, `overloaded`, `quota-exceeded`, or what the sampler throws,
 *   as a rejection
 */
export async function drawFor(
  { caller, memory }: FastifyRequest,
  sampler: Sampler,
  job: Job,
  terms: Terms,
): Promise<JobResult> {
  const tooMuch = sampler.tooMuch(job, terms);
  if (tooMuch) throw problemOf(tooMuch);
  const bytes = drawnBytes(job);
  memory.hold(bytes);
  let result: JobResult;
  try {
    result = await (caller ? chargedDraw(caller, sampler, job, terms) : sampler.draw(job, terms));
  } catch (error) {
    throw asProblem(error);
  } finally {
    memory.settle();
  }
  const room = roomInTurn(bytes);
  if (room) await room;
  return result;
}

/** Bytes of the longest spelling of an element and of the comma behind it. */
function spelledBytesMax(name: OutputName): number {
  const { array } = outputs[name];
  if (array === Int32Array) return '-2147483648,'.length;
  return array === Float64Array ? '-2.2250738585072014e-308,'.length : '-1.1754944e-38,'.length;
}

/** What goes around the numbers of a reply: names, brackets, the seed, temperature and provider. */
const replyTextBytes = 512;

/**
 * Bytes that a drawn job holds at most until its reply is out: its result, and its text where that is printed whole. A
 * longer one is printed as it is sent. The sums of a gradient are float64 and float32 beside it.
 */
function drawnBytes(job: Job): number {
  const draws = job.samples * job.rows;
  let numbers = 0;
  let textBytes = replyTextBytes;
  for (const name of job.outputs) {
    const count = draws * outputWidth(job, name);
    numbers += count;
    textBytes += count * spelledBytesMax(name);
  }
  const summed = job.outputs.has('gradLogits') ? 12 * job.rows * (job.categories + 1) : 0;
  return resultBytes(job) + summed + (isPrintedWhole(numbers) ? textBytes : sliceBytes);
}

/** What a reply holds beside its result when it is printed, or sent, in slices. */
const sliceBytes = 2 ** 17;

/**
 * Sends the reply of a drawn job, JSON unless its type has been set. One that is text, or bytes, waits as that, and its
 * result can be used again; one in slices still reads its result. When a client leaves, such a reply may still be in
 * the making: its result is then left to the garbage collector.
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
  const charging = caller.charge(units);
  if (charging) await charging;
  try {
    const result = await sampler.draw(job, terms);
    caller.drawn(jobElements(job));
    return result;
  } catch (error) {
    // What was given up for the sake of the caller has cost what was begun of it; anything else is not the caller's
    // fault.
    const isTheirs = error instanceof CallerGone || (error instanceof DrawError && error.code === 'deadline-exceeded');
    const begunShare = isTheirs ? terms.begunDraws / (job.rows * job.samples) : 0;
    caller.refund(units - Math.ceil(begunShare * units));
    if (begunShare > 0) caller.drawn(terms.begunDraws * job.categories);
    throw error;
  }
}
