/**
 * The types of sampling. A Job is a validated request. A Part is the piece of a job that runs in one batch. A Batch is
 * parts packed for a worker, and a BatchResult is its answer.
 *
 * All arrays are typed and row-major; each field states its shape. B = rows, K = categories, S = samples. A draw is one
 * sample of one row. Draws are sample-major: sample s of row b is draw s * B + b.
 */

import type { DrawTrace } from './draw-trace.js';
import { bytesPerElement, type OutputArrays, type OutputName, outputNames, widthOf } from './outputs.js';

/** The result of a job: the outputs that it names, of all its draws. */
export type JobResult = Partial<OutputArrays>;

/** The fields of every job: S samples of B rows of K categories. */
interface JobSize {
  readonly rows: number;
  readonly categories: number;
  readonly samples: number;
  /** float32 [B, K]. -Infinity masks a category; every row has at least one finite logit; |l| is 0 or >= 2^-100. */
  readonly logits: Float32Array;
  /** float32 [B], each in 1e-6 .. 1e6. */
  readonly temperature: Float32Array;
  /** Outputs to compute. The worker does no work for others. */
  readonly outputs: ReadonlySet<OutputName>;
}

/** The noise of a job. */
interface JobNoise {
  /**
   * uint32 [B, 3]: the stream of noise of each row. A stream is a seed and a row number in one: low and high word of
   * the seed, then the row number. The sampler knows streams and no seeds. Sample and category select a value within a
   * stream (docs/noise-contract.md). routes/draw-job.ts makes the streams: rows of one seed are numbered from
   * row_offset on; with a seed for each row, each row is row 0 of its seed.
   */
  readonly streams: Uint32Array;
  /** Sample number of the first sample in the noise contract. The others count up from it, and stay below 2^32. */
  readonly firstSample: number;
  /** False for `noise: "none"`: the noise is 0. */
  readonly gumbel: boolean;
}

/** The forward pass: samples, and outputs computed from the same noise. */
export interface SampleJob extends JobSize, JobNoise {
  /** A `conditioned` draw has its indices given, and its noise is conditioned on them. */
  readonly kind: 'draw' | 'conditioned';
  /** Whether samples are one-hot vectors. */
  readonly hard: boolean;
  /** Width of topIndices; 0 when it is not among the outputs. */
  readonly topK: number;
  /** int32 [B]: for `conditioned`, the index of each row, an unmasked category. Otherwise empty. */
  readonly given: Int32Array;
}

/** The `given` of draws that are not conditioned. */
export const noneGiven = new Int32Array(0);

/** The backward pass of a draw: straight-through (vjp), ReinMax or Gumbel-Rao. */
export interface GradientJob extends JobSize, JobNoise {
  readonly kind: 'vjp' | 'reinmax' | 'gumbelRao';
  /** Inner draws of each draw for Gumbel-Rao, otherwise 0. */
  readonly raoSamples: number;
  /** float32 [S, B, K]: the cotangents. */
  readonly points: Float32Array;
}

/** The log-density at given points. Draws no noise. */
export interface DensityJob extends JobSize {
  readonly kind: 'densityOfSamples' | 'densityOfLogSamples';
  /** float32 [S, B, K]: samples, or their logarithms. */
  readonly points: Float32Array;
}

/** The log-probability of given indices: of one category, or of topK drawn in order without replacement. */
export interface IndicesJob extends JobSize {
  readonly kind: 'logProbOfIndices' | 'logProbOfTopIndices';
  /** float32 [S, B, topK]: the categories, whole numbers. Those of topIndices are different, and none is masked. */
  readonly points: Float32Array;
  /** 1 for logProbOfIndices. */
  readonly topK: number;
}

/** A validated request. */
export type Job = SampleJob | GradientJob | DensityJob | IndicesJob;
export type Kind = Job['kind'];
export const kinds = [
  'draw',
  'conditioned',
  'vjp',
  'reinmax',
  'gumbelRao',
  'densityOfSamples',
  'densityOfLogSamples',
  'logProbOfIndices',
  'logProbOfTopIndices',
] as const satisfies Kind[];

/** Whether jobs of a kind draw noise. */
export function isNoisy(kind: Kind): boolean {
  return isForward(kind) || kind === 'vjp' || kind === 'reinmax' || kind === 'gumbelRao';
}

export function drawsNoise(job: Job): job is SampleJob | GradientJob {
  return isNoisy(job.kind);
}

/** Whether jobs of a kind are forward passes. */
export function isForward(kind: Kind): kind is SampleJob['kind'] {
  return kind === 'draw' || kind === 'conditioned';
}

export function drawsForward(job: Job): job is SampleJob {
  return isForward(job.kind);
}

/** The caller of a job, and how long the job is worth drawing. */
export interface Terms {
  /** The deadline, in milliseconds of the clock of `performance.now`. */
  readonly deadlineAtMs: number;
  /** Whether the client has left. Polled until the job settles. */
  readonly isGone: () => boolean;
  /** The identity of the caller. All jobs of a caller count against its share of the queue. */
  readonly caller: object;
  /** The number of draws handed to workers. Starts at 0; the sampler counts it up. */
  begunDraws: number;
  /** Undefined unless the request is recorded. */
  readonly trace?: DrawTrace | undefined;
}

/** Terms without a deadline, of a new caller that never leaves. */
export function unlimitedTerms(): Terms {
  return { deadlineAtMs: Number.POSITIVE_INFINITY, isGone: () => false, caller: {}, begunDraws: 0 };
}

/**
 * A rectangle of a job: samples [sampleStart, sampleStart + sampleCount) of rows [rowStart, rowStart + rowCount). It
 * has either all rows or one sample, so its draws are consecutive draws of the job.
 */
export interface Part {
  readonly job: Job;
  readonly rowStart: number;
  readonly rowCount: number;
  readonly sampleStart: number;
  readonly sampleCount: number;
  /** That of its job's terms. */
  readonly trace?: DrawTrace | undefined;
}

/** Bits of the column `flags` in Batch.parts. The bit of an output is outputFlag(name). */
export const partFlags = { hard: 1, gumbel: 2 } as const;

const outputFlags = Object.fromEntries(outputNames.map((name, index) => [name, 4 << index])) as Record<
  OutputName,
  number
>;

export function outputFlag(name: OutputName): number {
  return outputFlags[name];
}

/** Columns of `Batch.parts`. */
export const partColumns = {
  rowCount: 0,
  firstSample: 1,
  sampleCount: 2,
  flags: 3,
  topK: 4,
  raoSamples: 5,
  count: 6,
} as const;

/** Columns of `Job.streams` and `Batch.streams`. */
export const streamColumns = { seedLow: 0, seedHigh: 1, row: 2, count: 3 } as const;

/** Parts of one kind and K, packed for a worker. P = parts; R and D = rows and draws, summed over the parts. */
export interface Batch {
  /** The memory of all arrays below and of the result. It is transferred between threads as a whole. */
  readonly buffer: ArrayBuffer;
  readonly kind: Kind;
  readonly categories: number;
  /** uint32 [P, 6], see partColumns. */
  readonly parts: Uint32Array;
  /** uint32 [R, 3], see JobNoise.streams and streamColumns. Empty for densities. */
  readonly streams: Uint32Array;
  /** float32 [R] */
  readonly temperature: Float32Array;
  /** float32 [R, K] */
  readonly logits: Float32Array;
  /** int32 [R], see SampleJob.given. Empty unless the kind is `conditioned`. */
  readonly given: Int32Array;
  /** float32: the points of each part's draws (pointWidth), one after another. Empty for forward passes. */
  readonly points: Float32Array;
}

/** Columns of `BatchResult.timings`. */
export const timingColumns = { totalMs: 0, graphMs: 1, count: 2 } as const;

/** The outputs of a batch. Each array has the parts that name the output, one after another. */
export interface BatchResult extends OutputArrays {
  /** The memory of all arrays: the buffer of the batch. */
  readonly buffer: ArrayBuffer;
  /** float64 [2], see timingColumns: milliseconds of the worker. */
  readonly timings: Float64Array;
}

/** Elements of an output in each draw of a job. */
export function outputWidth(job: Job, name: OutputName): number {
  return widthOf(name, job.categories, topKOf(job));
}

/** The width of topIndices, or of points that are indices; 0 for a job without. */
export function topKOf(job: Job): number {
  return 'topK' in job ? job.topK : 0;
}

/** Points of each draw of a job. */
export function pointWidth(job: Job): number {
  if (drawsForward(job)) return 0;
  return 'topK' in job ? job.topK : job.categories;
}

/** Bytes of a job's result. */
export function resultBytes(job: Job): number {
  let bytesPerDraw = 0;
  for (const name of job.outputs) bytesPerDraw += outputWidth(job, name) * bytesPerElement(name);
  return job.samples * job.rows * bytesPerDraw;
}

/** Elements that a job draws: S * B * K. */
export function jobElements(job: Job): number {
  return job.samples * job.rows * job.categories;
}
