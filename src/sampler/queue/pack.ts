/**
 * Between jobs and workers: pack(parts) lays parts side by side in one Batch, scatter(parts, result) hands each part
 * its own results again. Knows neither queues nor threads.
 */
import {
  type Batch,
  type BatchResult,
  type DensityJob,
  drawsNoise,
  type GradientJob,
  type JobResult,
  outputFlag,
  outputWidth,
  type Part,
  partColumns,
  partFlags,
  streamColumns,
} from '../job.js';
import { allocateBatch } from '../messages.js';
import { type OutputArrays, type OutputCounts, type OutputName, outputNames } from '../outputs.js';

function flagsOf({ job }: Part): number {
  let flags = 0;
  if (job.kind === 'draw' && job.hard) flags |= partFlags.hard;
  if (drawsNoise(job) && job.gumbel) flags |= partFlags.gumbel;
  for (const name of job.outputs) flags |= outputFlag(name);
  return flags;
}

/** Elements of each output of all parts together. */
function countOutputs(parts: readonly Part[]): OutputCounts {
  const counts: { [Name in OutputName]?: number } = {};
  for (const { job, rowCount, sampleCount } of parts) {
    for (const name of job.outputs) {
      counts[name] = (counts[name] ?? 0) + rowCount * sampleCount * outputWidth(job, name);
    }
  }
  return counts;
}

/**
 * Copies the rows of `parts`, all of one kind and K, into the arrays of one Batch.
 *
 * @param take gives the buffer it lies on, its result too; whatever that holds is overwritten
 */
export function pack(parts: readonly Part[], take = (bytes: number) => new ArrayBuffer(bytes)): Batch {
  const { kind, categories } = (parts[0] as Part).job;
  const rows = parts.reduce((total, part) => total + part.rowCount, 0);
  const draws = parts.reduce((total, part) => total + part.rowCount * part.sampleCount, 0);
  const pointDraws = kind === 'draw' ? 0 : draws;
  const shape = { kind, categories, rows, parts: parts.length, pointDraws };
  const batch = allocateBatch(shape, countOutputs(parts), take);
  let row = 0;
  let point = 0;
  for (const [index, part] of parts.entries()) {
    const { job, rowStart, rowCount } = part;
    if (job.categories !== categories || job.kind !== kind) {
      throw new Error('A batch holds jobs of different kinds or K. This is a bug.');
    }
    const rowEnd = rowStart + rowCount;
    batch.logits.set(job.logits.subarray(rowStart * categories, rowEnd * categories), row * categories);
    batch.temperature.set(job.temperature.subarray(rowStart, rowEnd), row);
    if (drawsNoise(job)) {
      const streams = job.streams.subarray(rowStart * streamColumns.count, rowEnd * streamColumns.count);
      batch.streams.set(streams, row * streamColumns.count);
    }
    if (job.kind !== 'draw') {
      const points = pointsOf(job, part);
      batch.points.set(points, point);
      point += points.length;
    }
    const at = index * partColumns.count;
    batch.parts[at + partColumns.rowCount] = rowCount;
    batch.parts[at + partColumns.firstSample] = drawsNoise(job) ? job.firstSample + part.sampleStart : 0;
    batch.parts[at + partColumns.sampleCount] = part.sampleCount;
    batch.parts[at + partColumns.flags] = flagsOf(part);
    batch.parts[at + partColumns.topK] = job.kind === 'draw' ? job.topK : 0;
    row += rowCount;
  }
  return batch;
}

/** The points of a part's draws, which are consecutive in the job. */
function pointsOf(job: GradientJob | DensityJob, { rowStart, rowCount, sampleStart, sampleCount }: Part): Float32Array {
  const start = (sampleStart * job.rows + rowStart) * job.categories;
  return job.points.subarray(start, start + sampleCount * rowCount * job.categories);
}

/** One result a part, in order: views on the batch's outputs. */
export function scatter(parts: readonly Part[], result: BatchResult): JobResult[] {
  const taken: { [Name in OutputName]?: number } = {};
  const results = parts.map(({ job, rowCount, sampleCount }) => {
    const own: { [Name in OutputName]?: OutputArrays[OutputName] } = {};
    for (const name of job.outputs) {
      const start = taken[name] ?? 0;
      const end = start + rowCount * sampleCount * outputWidth(job, name);
      own[name] = result[name].subarray(start, end);
      taken[name] = end;
    }
    return own as JobResult;
  });
  for (const name of outputNames) {
    if (result[name].length !== (taken[name] ?? 0))
      throw new Error(`A worker returned ${name} of another size. This is a bug.`);
  }
  return results;
}
