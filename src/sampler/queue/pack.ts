/**
 * Between jobs and workers: pack(parts) lays parts side by side in one Batch, scatter(parts, result) hands each part its
 * own results again. Knows neither queues nor threads.
 */
import {
  type Batch,
  type BatchResult,
  type JobResult,
  type OutputArrays,
  type OutputName,
  outputFlag,
  outputNames,
  outputs,
  type Part,
  partColumns,
  partFlags,
  streamColumns,
} from '../job.js';
import { allocateBatch, type OutputCounts } from '../messages.js';

function flagsOf({ job }: Part): number {
  let flags = (job.hard ? partFlags.hard : 0) | (job.gumbel ? partFlags.gumbel : 0);
  for (const name of job.outputs) flags |= outputFlag(name);
  return flags;
}

/** Elements of each output of all parts together. */
function countOutputs(parts: readonly Part[]): OutputCounts {
  const counts: { [Name in OutputName]?: number } = {};
  for (const { job, rowCount, sampleCount } of parts) {
    for (const name of job.outputs) {
      counts[name] = (counts[name] ?? 0) + rowCount * sampleCount * outputs[name].width(job);
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
  const batch = allocateBatch({ kind, categories, rows, parts: parts.length, pointDraws }, countOutputs(parts), take);
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
    batch.streams.set(
      job.streams.subarray(rowStart * streamColumns.count, rowEnd * streamColumns.count),
      row * streamColumns.count,
    );
    if (pointDraws > 0) {
      const points = pointsOf(part);
      batch.points.set(points, point);
      point += points.length;
    }
    const at = index * partColumns.count;
    batch.parts[at + partColumns.rowCount] = rowCount;
    batch.parts[at + partColumns.firstSample] = job.firstSample + part.sampleStart;
    batch.parts[at + partColumns.sampleCount] = part.sampleCount;
    batch.parts[at + partColumns.flags] = flagsOf(part);
    batch.parts[at + partColumns.topK] = job.topK;
    row += rowCount;
  }
  return batch;
}

/** The points of a part's draws, which are consecutive in the job. */
function pointsOf({ job, rowStart, rowCount, sampleStart, sampleCount }: Part): Float32Array {
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
      const end = start + rowCount * sampleCount * outputs[name].width(job);
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
