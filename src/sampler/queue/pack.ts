/**
 * Packs parts into one Batch for a worker, and splits the result of the batch into the results of its parts. Knows
 * neither queue nor threads.
 */
import {
  type Batch,
  type BatchResult,
  drawsForward,
  drawsNoise,
  type Job,
  type JobResult,
  outputFlag,
  outputWidth,
  type Part,
  partColumns,
  partFlags,
  pointWidth,
  type SampleJob,
  streamColumns,
  topKOf,
} from '../job.js';
import { allocateBatch } from '../messages.js';
import { type OutputArrays, type OutputCounts, type OutputName, outputNames } from '../outputs.js';

function flagsOf({ job }: Part): number {
  let flags = 0;
  if (drawsForward(job) && job.hard) flags |= partFlags.hard;
  if (drawsNoise(job) && job.gumbel) flags |= partFlags.gumbel;
  for (const name of job.outputs) flags |= outputFlag(name);
  return flags;
}

/** Elements of each output, summed over the parts. */
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
 * Copies the rows of `parts`, all of one kind and K, into a new Batch.
 *
 * @param take allocates the buffer of the batch and its result; it need not be zeroed
 */
export function pack(parts: readonly Part[], take = (bytes: number) => new ArrayBuffer(bytes)): Batch {
  const { kind, categories } = parts[0].job;
  const rows = parts.reduce((total, part) => total + part.rowCount, 0);
  let points = 0;
  for (const { job, rowCount, sampleCount } of parts) points += rowCount * sampleCount * pointWidth(job);
  const shape = { kind, categories, rows, parts: parts.length, points };
  const batch = allocateBatch(shape, countOutputs(parts), take);
  let row = 0;
  let pointOffset = 0;
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
    if (drawsForward(job)) {
      if (kind === 'conditioned') batch.given.set(job.given.subarray(rowStart, rowEnd), row);
    } else {
      const own = pointsOf(job, part);
      batch.points.set(own, pointOffset);
      pointOffset += own.length;
    }
    const offset = index * partColumns.count;
    batch.parts[offset + partColumns.rowCount] = rowCount;
    batch.parts[offset + partColumns.firstSample] = drawsNoise(job) ? job.firstSample + part.sampleStart : 0;
    batch.parts[offset + partColumns.sampleCount] = part.sampleCount;
    batch.parts[offset + partColumns.flags] = flagsOf(part);
    batch.parts[offset + partColumns.topK] = topKOf(job);
    batch.parts[offset + partColumns.raoSamples] = job.kind === 'gumbelRao' ? job.raoSamples : 0;
    row += rowCount;
  }
  return batch;
}

/** The points of a part. Its draws are consecutive in the job. */
function pointsOf(job: Exclude<Job, SampleJob>, part: Part): Float32Array {
  const { rowStart, rowCount, sampleStart, sampleCount } = part;
  const width = pointWidth(job);
  const start = (sampleStart * job.rows + rowStart) * width;
  return job.points.subarray(start, start + sampleCount * rowCount * width);
}

/** The result of each part, in order, as views of the result of the batch. */
export function scatter(parts: readonly Part[], result: BatchResult): JobResult[] {
  const offsets: { [Name in OutputName]?: number } = {};
  const results = parts.map(({ job, rowCount, sampleCount }) => {
    const arrays: { [Name in OutputName]?: OutputArrays[OutputName] } = {};
    for (const name of job.outputs) {
      const start = offsets[name] ?? 0;
      const end = start + rowCount * sampleCount * outputWidth(job, name);
      arrays[name] = result[name].subarray(start, end);
      offsets[name] = end;
    }
    return arrays as JobResult;
  });
  for (const name of outputNames) {
    if (result[name].length !== (offsets[name] ?? 0))
      throw new Error(`A worker returned ${name} of another size. This is a bug.`);
  }
  return results;
}
