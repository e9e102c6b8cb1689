/**
 * The vocabulary of sampling: what a request asks for (Job), the piece of it that runs at once (Part), what crosses to
 * a worker (Batch) and what comes back. Typed arrays only, row-major, shapes beside each field. B = rows, K =
 * categories, S = samples. A draw is one sample of one row; draws are sample-major: sample s of row b is draw s * B +
 * b.
 */

import { bytesPerElement, type OutputArrays, type OutputName, outputNames, widthOf } from './outputs.js';

/** What a job resolves to: the outputs it asked for, over all its draws. */
export type JobResult = Partial<OutputArrays>;

/** What every job has: S samples of B rows of K categories. */
interface JobSize {
  readonly rows: number;
  readonly categories: number;
  readonly samples: number;
  /** float32 [B, K]; a masked category is -Infinity, every row has at least one finite logit, |l| is 0 or >= 2^-100. */
  readonly logits: Float32Array;
  /** float32 [B], each in 1e-6 .. 1e6. */
  readonly temperature: Float32Array;
  /** Work for an output that is not named is not done. */
  readonly outputs: ReadonlySet<OutputName>;
}

/** Which noise a job draws with. */
interface JobNoise {
  /** uint32 [B, 3]: low and high word of the seed, and the row's number in the noise contract. */
  readonly streams: Uint32Array;
  /** Number of the first sample in the noise contract; the others count up from it, below 2^32. */
  readonly firstSample: number;
  /** False for the deterministic counterpart, in which the noise is 0. */
  readonly gumbel: boolean;
}

/** A draw: samples and what comes with them. */
export interface SampleJob extends JobSize, JobNoise {
  readonly kind: 'draw';
  /** Whether samples are one-hot. */
  readonly hard: boolean;
  /** Categories that topIndices has for each draw; 0 when it was not asked for. */
  readonly topK: number;
}

/** The gradient of a draw for a cotangent: straight-through, or by ReinMax. */
export interface GradientJob extends JobSize, JobNoise {
  readonly kind: 'vjp' | 'reinmax';
  /** float32 [S, B, K]: the cotangents. */
  readonly points: Float32Array;
}

/** The log-density at given points; nothing is drawn. */
export interface DensityJob extends JobSize {
  readonly kind: 'densityOfSamples' | 'densityOfLogSamples';
  /** float32 [S, B, K]: samples, or their logarithms. */
  readonly points: Float32Array;
}

/** A validated request. */
export type Job = SampleJob | GradientJob | DensityJob;
export type Kind = Job['kind'];
export const kinds = ['draw', 'vjp', 'reinmax', 'densityOfSamples', 'densityOfLogSamples'] as const satisfies Kind[];

/** Whether jobs of a kind draw noise: all do but densities. */
export function isNoisy(kind: Kind): boolean {
  return kind === 'draw' || kind === 'vjp' || kind === 'reinmax';
}

export function drawsNoise(job: Job): job is SampleJob | GradientJob {
  return isNoisy(job.kind);
}

/** For whom a job is drawn, and for how long it is worth drawing. */
export interface Terms {
  /** When its caller wants an answer, by the clock of `performance.now`. */
  readonly deadlineAtMs: number;
  /** Whether its caller has gone. Asked now and then until the job settles. */
  readonly isGone: () => boolean;
  /** The object that stands for its caller: jobs of one share what that caller may have in the queue. */
  readonly caller: object;
  /** Draws of the job that have been handed to a worker; the sampler counts them, from 0. */
  begunDraws: number;
}

/** The terms of a caller of its own that waits for as long as it takes. */
export function patient(): Terms {
  return { deadlineAtMs: Number.POSITIVE_INFINITY, isGone: () => false, caller: {}, begunDraws: 0 };
}

/**
 * A rectangle of a job: samples [sampleStart, sampleStart + sampleCount) of rows [rowStart, rowStart + rowCount).
 * Either all rows or one sample, so that its draws are consecutive draws of the job.
 */
export interface Part {
  readonly job: Job;
  readonly rowStart: number;
  readonly rowCount: number;
  readonly sampleStart: number;
  readonly sampleCount: number;
}

/** Bits of a part's flags in a Batch; an output's bit is outputFlag(name). */
export const partFlags = { hard: 1, gumbel: 2 } as const;

const outputFlags = Object.fromEntries(outputNames.map((name, index) => [name, 4 << index])) as Record<
  OutputName,
  number
>;

export function outputFlag(name: OutputName): number {
  return outputFlags[name];
}

/** Columns of `Batch.parts`. */
export const partColumns = { rowCount: 0, firstSample: 1, sampleCount: 2, flags: 3, topK: 4, count: 5 } as const;

/** Columns of `Job.streams` and `Batch.streams`. */
export const streamColumns = { seedLow: 0, seedHigh: 1, row: 2, count: 3 } as const;

/** Parts of one kind and K, packed for a worker. R = rows, D = draws of all parts together, P = parts. */
export interface Batch {
  /** What all arrays below are views on, as those of the result will be; it moves between threads as a whole. */
  readonly buffer: ArrayBuffer;
  readonly kind: Kind;
  readonly categories: number;
  /** uint32 [P, 5], see partColumns. */
  readonly parts: Uint32Array;
  /** uint32 [R, 3], see streamColumns; empty for densities, which draw no noise. */
  readonly streams: Uint32Array;
  /** float32 [R] */
  readonly temperature: Float32Array;
  /** float32 [R, K] */
  readonly logits: Float32Array;
  /** float32 [D, K]; empty for draws. */
  readonly points: Float32Array;
}

/** Columns of `BatchResult.timings`. */
export const timingColumns = { totalMs: 0, graphMs: 1, count: 2 } as const;

/** The outputs of the parts that asked for them, one part after another. */
export interface BatchResult extends OutputArrays {
  /** What all arrays are views on: the buffer of the batch. */
  readonly buffer: ArrayBuffer;
  /** float64 [2], see timingColumns: where the worker's time went. */
  readonly timings: Float64Array;
}

/** Elements of an output for each draw of a job. */
export function outputWidth(job: Job, name: OutputName): number {
  return widthOf(name, job.categories, job.kind === 'draw' ? job.topK : 0);
}

/** The number of bytes of a job's result. */
export function resultBytes(job: Job): number {
  let bytesPerDraw = 0;
  for (const name of job.outputs) bytesPerDraw += outputWidth(job, name) * bytesPerElement(name);
  return job.samples * job.rows * bytesPerDraw;
}

/** The number of elements a job draws: S * B * K. */
export function jobElements(job: Job): number {
  return job.samples * job.rows * job.categories;
}
