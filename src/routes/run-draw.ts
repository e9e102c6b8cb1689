/** Runs a job for a client: memory budget, quota, and the release of the result after the reply. */
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
 * Draws a job for the client of the request. Before the job is queued, it reserves memory for the result and the reply,
 * and charges the quota. The body is free once the job has been drawn. `sendDrawn` releases the result.
 *
 * @throws {Problem} `too-many-elements`, `too-much-work`, `overloaded`, `quota-exceeded`, or what the sampler throws,
 *   as a rejection
 */
export async function drawFor(
  { caller, memory, trace }: FastifyRequest,
  sampler: Sampler,
  job: Job,
  terms: Terms,
): Promise<JobResult> {
  trace?.parsed(job);
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
  trace?.drawn();
  const room = roomInTurn(bytes);
  if (room) await room;
  return result;
}

/** Bytes of the longest JSON number of an output, with its comma. */
function numberTextBytesMax(name: OutputName): number {
  const { array } = outputs[name];
  if (array === Int32Array) return '-2147483648,'.length;
  return array === Float64Array ? '-2.2250738585072014e-308,'.length : '-1.1754944e-38,'.length;
}

/** Bytes of a reply's text without its numbers: names, brackets, seed, temperature and provider. */
const replyTextBytes = 512;

/**
 * Upper bound of the bytes that a drawn job holds until its reply is sent: its result, the float64 and float32 sums of
 * a gradient, and its text. A long text is printed in slices while it is sent, so only one slice counts.
 */
function drawnBytes(job: Job): number {
  const draws = job.samples * job.rows;
  let numbers = 0;
  let textBytes = replyTextBytes;
  for (const name of job.outputs) {
    const count = draws * outputWidth(job, name);
    numbers += count;
    textBytes += count * numberTextBytesMax(name);
  }
  const sumBytes = job.outputs.has('gradLogits') ? 12 * job.rows * (job.categories + 1) : 0;
  return resultBytes(job) + sumBytes + (isPrintedWhole(numbers) ? textBytes : sliceBytes);
}

/** Bytes that a reply holds beside its result while it is sent in slices. */
const sliceBytes = 2 ** 17;

/**
 * Sends the reply of a drawn job, as JSON unless its media type has been set. A text or a buffer is a copy, so the
 * result is released at once. A stream reads the result until the reply is sent. If the client disconnects first, the
 * stream may still read it, so the result goes to the garbage collector instead of the pool.
 */
export function sendDrawn(
  { memory, trace }: FastifyRequest,
  reply: FastifyReply,
  sampler: Sampler,
  { job, result }: Drawn,
  body: string | Buffer | Readable,
): FastifyReply {
  if (typeof body === 'string' || Buffer.isBuffer(body)) {
    trace?.printed();
    sampler.release(result);
    memory.free(drawnBytes(job) - body.length);
  } else {
    if (trace) body.once('end', () => trace.printed());
    reply.raw.once('finish', () => sampler.release(result));
  }
  if (!reply.hasHeader('content-type')) reply.type('application/json');
  return reply.send(body);
}

/** A job and its result. */
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
    // A draw that its caller abandoned, or whose deadline passed, costs the share that was begun. Any other failure is
    // free.
    const isCharged = error instanceof CallerGone || (error instanceof DrawError && error.code === 'deadline-exceeded');
    const begunShare = isCharged ? terms.begunDraws / (job.rows * job.samples) : 0;
    caller.refund(units - Math.ceil(begunShare * units));
    if (begunShare > 0) caller.drawn(terms.begunDraws * job.categories);
    throw error;
  }
}
