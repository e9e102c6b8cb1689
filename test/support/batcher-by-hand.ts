/** A batcher whose batches a test ends by hand. */
import { jobUnits } from '../../src/sampler/cost.js';
import type { Job, JobResult, Part } from '../../src/sampler/job.js';
import { Batcher, type BatcherOptions } from '../../src/sampler/queue/batcher.js';
import type { TakenBatch } from '../../src/sampler/queue/taken-batch.js';
import { makeJob } from './jobs.js';

/** A result that says of every draw which job, sample and row it came from. */
export function answer({ job, rowStart, rowCount, sampleStart, sampleCount }: Part): JobResult {
  const indices = new Int32Array(rowCount * sampleCount);
  for (let draw = 0; draw < indices.length; draw++) {
    indices[draw] = (sampleStart + Math.floor(draw / rowCount)) * job.rows + rowStart + (draw % rowCount);
  }
  return { indices };
}

/** What the parts of a job fill. */
export const allocate = ({ rows, samples }: Job): JobResult => ({ indices: new Int32Array(rows * samples) });

/** A batcher whose batches and turns of the event loop the test advances by hand. */
export function byHand(options: Partial<BatcherOptions> = {}) {
  const batches: (TakenBatch & { finish: () => void; fail: (error: Error) => void })[] = [];
  const deferred: (() => void)[] = [];
  const batcher = new Batcher({
    lanes: 1,
    batchesPerLane: 3,
    worthUnitsMin: Number.POSITIVE_INFINITY,
    batchUnitsMax: 1e5,
    queueUnitsMax: 1e12,
    queueRequestsMax: 1e6,
    unitsPerMs: () => 1e9,
    runBatch: (batch) =>
      new Promise((resolve, reject) => {
        batches.push(Object.assign(batch, { finish: () => resolve(batch.parts.map(answer)), fail: reject }));
      }),
    allocate,
    release: () => {},
    now: () => 0,
    waited: () => {},
    defer: (callback) => deferred.push(callback),
    ...options,
  });
  const turn = async () => {
    for (const callback of deferred.splice(0)) callback();
    await new Promise(setImmediate);
  };
  const finish = async () => {
    batches.shift()?.finish();
    await new Promise(setImmediate);
    await turn();
  };
  return { batcher, batches, deferred, turn, finish };
}

/** What a promise settles to, an error as a value, so that it never goes unhandled. */
export const outcome = (promise: Promise<unknown>) => promise.catch((error) => error);

const indicesOnly = new Set(['indices'] as const);
export const job = (fields: Parameters<typeof makeJob>[0]) => makeJob({ outputs: indicesOnly, ...fields });
/** What such a job costs. */
export const units = (fields: Parameters<typeof makeJob>[0]) => jobUnits(job(fields));

/** A batcher by hand whose inline batches are ended by hand, too. */
export function inlineByHand(options: Partial<BatcherOptions>) {
  const inline: { parts: readonly Part[]; finish: () => void }[] = [];
  const hands = byHand({
    runInline: (parts) =>
      new Promise((resolve) => {
        inline.push({ parts, finish: () => resolve(parts.map(answer)) });
      }),
    ...options,
  });
  const finishInline = async () => {
    inline.shift()?.finish();
    await new Promise(setImmediate);
    await hands.turn();
  };
  return { ...hands, inline, finishInline };
}
