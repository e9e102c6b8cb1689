/**
 * Between jobs and workers: pack(parts) lays parts side by side in one Batch, scatter(parts, result) hands each part its
 * own results again. Pure; knows neither queues nor threads.
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
} from './job.js';
import { allocateBatch } from './messages.js';

function flagsOf({ job }: Part): number {
  let flags = (job.hard ? partFlags.hard : 0) | (job.gumbel ? partFlags.gumbel : 0);
  for (const name of job.outputs) flags |= outputFlag(name);
  return flags;
}

/** Copies the rows of `parts`, all of one K, into the arrays of one Batch. */
export function pack(parts: readonly Part[]): Batch {
  const categories = parts[0]?.job.categories ?? 0;
  const rows = parts.reduce((total, part) => total + part.rowCount, 0);
  const batch = allocateBatch(categories, rows, parts.length);
  let row = 0;
  for (const [index, part] of parts.entries()) {
    const { job, rowStart, rowCount } = part;
    if (job.categories !== categories) throw new Error('A batch holds jobs with different K. This is a bug.');
    const rowEnd = rowStart + rowCount;
    batch.logits.set(job.logits.subarray(rowStart * categories, rowEnd * categories), row * categories);
    batch.temperature.set(job.temperature.subarray(rowStart, rowEnd), row);
    batch.streams.set(
      job.streams.subarray(rowStart * streamColumns.count, rowEnd * streamColumns.count),
      row * streamColumns.count,
    );
    const at = index * partColumns.count;
    batch.parts[at + partColumns.rowCount] = rowCount;
    batch.parts[at + partColumns.firstSample] = job.firstSample + part.sampleStart;
    batch.parts[at + partColumns.sampleCount] = part.sampleCount;
    batch.parts[at + partColumns.flags] = flagsOf(part);
    row += rowCount;
  }
  return batch;
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
