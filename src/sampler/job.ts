/**
 * The vocabulary of sampling: what a request asks for (Job), the piece of it that runs at once (Part), what crosses to a
 * worker (Batch) and what comes back. Typed arrays only, row-major, shapes beside each field.
 * B = rows, K = categories, S = samples.
 */

/** What a job wants back. Work for an output nobody asked for is not done. */
export interface Outputs {
  readonly samples: boolean;
  readonly indices: boolean;
  readonly noise: boolean;
}

/** A validated draw: S samples of B rows of K categories. */
export interface Job {
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
  readonly outputs: Outputs;
}

/** What a job resolves to; an output that was not asked for is undefined. Sample-major: sample s of row b is at s * B + b. */
export interface JobResult {
  /** float32 [S, B, K] */
  readonly samples: Float32Array | undefined;
  /** int32 [S, B] */
  readonly indices: Int32Array | undefined;
  /** float32 [S, B, K], the Gumbel noise of the draw. */
  readonly noise: Float32Array | undefined;
}

/**
 * A rectangle of a job: samples [sampleStart, sampleStart + sampleCount) of rows [rowStart, rowStart + rowCount).
 * Either all rows or one sample, so that its results are one run of the job's results.
 */
export interface Part {
  readonly job: Job;
  readonly rowStart: number;
  readonly rowCount: number;
  readonly sampleStart: number;
  readonly sampleCount: number;
}

/** Bits of a part's flags in a Batch. */
export const partFlags = { hard: 1, gumbel: 2, samples: 4, indices: 8, noise: 16 } as const;

/** Columns of `Batch.parts`. */
export const partColumns = { rowCount: 0, firstSample: 1, sampleCount: 2, flags: 3, count: 4 } as const;

/** Columns of `Job.streams` and `Batch.streams`. */
export const streamColumns = { seedLow: 0, seedHigh: 1, row: 2, count: 3 } as const;

/** Parts of one K, packed for a worker. R = rows of all parts together, P = parts. */
export interface Batch {
  /** What all arrays below are views on; it moves between threads as a whole. */
  readonly buffer: ArrayBuffer;
  readonly categories: number;
  /** float32 [R, K] */
  readonly logits: Float32Array;
  /** float32 [R] */
  readonly temperature: Float32Array;
  /** uint32 [R, 3], see streamColumns. */
  readonly streams: Uint32Array;
  /** uint32 [P, 4], see partColumns. */
  readonly parts: Uint32Array;
}

/** The outputs of the parts that asked for them, one part after another, each sample-major. */
export interface BatchResult {
  /** What all arrays below are views on; it moves between threads as a whole. */
  readonly buffer: ArrayBuffer;
  readonly samples: Float32Array;
  readonly indices: Int32Array;
  readonly noise: Float32Array;
}

/** The number of elements a job draws: S * B * K. */
export function jobElements(job: Job): number {
  return job.samples * job.rows * job.categories;
}
