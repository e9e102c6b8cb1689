/**
 * Between jobs and workers: pack(parts) lays parts side by side in one Batch, scatter(parts, result) hands each part its
 * own results again. Pure; knows neither queues nor threads.
 */
import {
  type Batch,
  type BatchResult,
  type JobResult,
  type Part,
  partColumns,
  partFlags,
  streamColumns,
} from './job.js';
import { allocateBatch } from './messages.js';

function flagsOf({ job }: Part): number {
  return (
    (job.hard ? partFlags.hard : 0) |
    (job.gumbel ? partFlags.gumbel : 0) |
    (job.outputs.samples ? partFlags.samples : 0) |
    (job.outputs.indices ? partFlags.indices : 0) |
    (job.outputs.noise ? partFlags.noise : 0)
  );
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

/** Takes consecutive slices of one output; asked for `undefined` sizes it takes nothing. */
class Slicer<Output extends Float32Array | Int32Array> {
  readonly #output: Output;
  #at = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  take(wanted: boolean, count: number): Output | undefined {
    if (!wanted) return undefined;
    const slice = this.#output.subarray(this.#at, this.#at + count) as Output;
    if (slice.length !== count) throw new Error('A worker returned too few elements. This is a bug.');
    this.#at += count;
    return slice;
  }

  finish(): void {
    if (this.#at !== this.#output.length) throw new Error('A worker returned too many elements. This is a bug.');
  }
}

/** One result a part, in order: views on the batch's outputs, sample-major within the part. */
export function scatter(parts: readonly Part[], result: BatchResult): JobResult[] {
  const samples = new Slicer(result.samples);
  const indices = new Slicer(result.indices);
  const noise = new Slicer(result.noise);
  const results = parts.map(({ job, rowCount, sampleCount }) => {
    const draws = rowCount * sampleCount;
    return {
      samples: samples.take(job.outputs.samples, draws * job.categories),
      indices: indices.take(job.outputs.indices, draws),
      noise: noise.take(job.outputs.noise, draws * job.categories),
    };
  });
  samples.finish();
  indices.finish();
  noise.finish();
  return results;
}
