/**
 * The vocabulary of sampling: what a request asks for (Job), the piece of it that runs at once (Part), what crosses to a
 * worker (Batch) and what comes back. Typed arrays only, row-major, shapes beside each field.
 * B = rows, K = categories, S = samples. A draw is one sample of one row; draws are sample-major: sample s of row b is
 * draw s * B + b.
 */

/** What a job can return: the elements of one draw, and how many there are. */
export const outputs = {
  /** float32 [K]: soft, or one-hot. */
  samples: { array: Float32Array, width: (job: Shape) => job.categories },
  /** int32: the category drawn. */
  indices: { array: Int32Array, width: () => 1 },
  /** float32 [K]: the Gumbel noise. */
  noise: { array: Float32Array, width: (job: Shape) => job.categories },
  /** float32 [K]: the logarithm of the soft sample, -Infinity where masked. */
  logSamples: { array: Float32Array, width: (job: Shape) => job.categories },
  /** float64: the log-density at logSamples, or at the job's points. */
  logProb: { array: Float64Array, width: () => 1 },
  /** int32 [topK]: the categories of the largest perturbed logits, in order. */
  topIndices: { array: Int32Array, width: (job: Shape) => job.topK },
  /** float64 [K]: the gradient with respect to the logits. */
  gradLogits: { array: Float64Array, width: (job: Shape) => job.categories },
  /** float64: the gradient with respect to the temperature. */
  gradTemperature: { array: Float64Array, width: () => 1 },
} as const;

export type OutputName = keyof typeof outputs;
export const outputNames = Object.keys(outputs) as readonly OutputName[];

/** An array of each output, for as many draws as its owner has. */
export type OutputArrays = { readonly [Name in OutputName]: InstanceType<(typeof outputs)[Name]['array']> };

/** What a job resolves to: the outputs it asked for, over all its draws. */
export type JobResult = Partial<OutputArrays>;

interface Shape {
  readonly categories: number;
  readonly topK: number;
}

/**
 * What is done with each draw:
 * - draw: samples and what comes with them
 * - vjp, reinmax: the gradient of the draw for a cotangent, straight-through or by ReinMax
 * - densityOfSamples, densityOfLogSamples: nothing is drawn; the log-density at given points
 */
export const kinds = ['draw', 'vjp', 'reinmax', 'densityOfSamples', 'densityOfLogSamples'] as const;
export type Kind = (typeof kinds)[number];

/** A validated request: S samples of B rows of K categories. */
export interface Job {
  readonly kind: Kind;
  readonly rows: number;
  readonly categories: number;
  readonly samples: number;
  /** float32 [B, K]; a masked category is -Infinity, every row has at least one finite logit, |l| is 0 or >= 2^-100. */
  readonly logits: Float32Array;
  /** float32 [B], each in 1e-6 .. 1e6. */
  readonly temperature: Float32Array;
  /** uint32 [B, 3]: low and high word of the seed, and the row's number in the noise contract. */
  readonly streams: Uint32Array;
  /** Number of the first sample in the noise contract; the others count up from it, below 2^32. */
  readonly firstSample: number;
  /** Whether samples are one-hot. */
  readonly hard: boolean;
  /** False for the deterministic counterpart, in which the noise is 0. */
  readonly gumbel: boolean;
  /** Categories that topIndices has for each draw; 0 when it was not asked for. */
  readonly topK: number;
  /** float32 [S, B, K]: the cotangents of a gradient, the points of a density (samples or their logarithms); empty for a draw. */
  readonly points: Float32Array;
  /** Work for an output that is not named is not done. */
  readonly outputs: ReadonlySet<OutputName>;
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
  /** uint32 [R, 3], see streamColumns. */
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

/** The number of bytes of a job's result. */
export function resultBytes(job: Job): number {
  let bytesPerDraw = 0;
  for (const name of job.outputs) bytesPerDraw += outputs[name].width(job) * outputs[name].array.BYTES_PER_ELEMENT;
  return job.samples * job.rows * bytesPerDraw;
}

/** The number of elements a job draws: S * B * K. */
export function jobElements(job: Job): number {
  return job.samples * job.rows * job.categories;
}
