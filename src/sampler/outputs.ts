/**
 * The table of outputs that a job can name. The queue, the messages, the plan of a batch and the cost model read it.
 * worker/ computes the outputs; schemas/outputs.ts has the names that clients use.
 */

/** Elements of an output in one draw: 1, K, or topK. */
export type Width = 'one' | 'categories' | 'topK';

/** The state of a tile that an output is computed from: noise, the index of each draw, or soft samples. */
export type Stage = 'noise' | 'index' | 'soft';

/** Kinds of work that cost.ts has a weight for. Work that several outputs share is done once. */
export type Work =
  | 'rowOutput'
  | 'logSamples'
  | 'logProb'
  | 'topK'
  | 'index'
  | 'soft'
  | 'noiseCopy'
  | 'normalizer'
  | 'topScores'
  | 'order';

interface OutputSpec {
  readonly array: typeof Float32Array | typeof Float64Array | typeof Int32Array;
  readonly width: Width;
  readonly stage: Stage;
  /** For jobs of kind `draw`. The cost of the other kinds depends on the kind alone. */
  readonly work: readonly Work[];
}

export const outputs = {
  /** float32 [K]: the soft or one-hot sample. */
  samples: { array: Float32Array, width: 'categories', stage: 'soft', work: ['index', 'soft'] },
  /** int32: the index of the category drawn. */
  indices: { array: Int32Array, width: 'one', stage: 'index', work: ['index'] },
  /** float32 [K]: the Gumbel noise. */
  noise: { array: Float32Array, width: 'categories', stage: 'noise', work: ['noiseCopy'] },
  /** float32 [K]: the logarithm of the soft sample, -Infinity where masked. */
  logSamples: { array: Float32Array, width: 'categories', stage: 'noise', work: ['rowOutput', 'logSamples'] },
  /** float64: the log-density at logSamples; or at the job's points, where these are indices their log-probability. */
  logProb: { array: Float64Array, width: 'one', stage: 'noise', work: ['rowOutput', 'logSamples', 'logProb'] },
  /** int32 [topK]: the categories of the largest perturbed logits, in order. */
  topIndices: { array: Int32Array, width: 'topK', stage: 'noise', work: ['index', 'rowOutput', 'topK'] },
  /** float64: log softmax(logits) at the index. */
  indexLogProb: { array: Float64Array, width: 'one', stage: 'index', work: ['index', 'normalizer'] },
  /** float64 [topK]: log softmax(logits) + noise of topIndices. */
  topScores: {
    array: Float64Array,
    width: 'topK',
    stage: 'noise',
    work: ['index', 'rowOutput', 'topK', 'normalizer', 'topScores'],
  },
  /** float64: the same of the category that would come next, -Infinity if none is left. */
  topThreshold: {
    array: Float64Array,
    width: 'one',
    stage: 'noise',
    work: ['index', 'rowOutput', 'topK', 'normalizer'],
  },
  /** float64: the log-probability that topIndices are drawn, in their order. */
  topLogProb: { array: Float64Array, width: 'one', stage: 'noise', work: ['index', 'rowOutput', 'topK', 'order'] },
  /** float64 [K]: the gradient with respect to the logits. */
  gradLogits: { array: Float64Array, width: 'categories', stage: 'noise', work: [] },
  /** float64: the gradient with respect to the temperature. */
  gradTemperature: { array: Float64Array, width: 'one', stage: 'noise', work: [] },
} as const satisfies Record<string, OutputSpec>;

export type OutputName = keyof typeof outputs;
export const outputNames = Object.keys(outputs) as readonly OutputName[];

/** An array of each output, over all draws of a job or of a batch. */
export type OutputArrays = { readonly [Name in OutputName]: InstanceType<(typeof outputs)[Name]['array']> };

/** The number of elements of each output. An absent one has 0. */
export type OutputCounts = { readonly [Name in OutputName]?: number };

/** Elements of an output in one draw. */
export function widthOf(name: OutputName, categories: number, topK: number): number {
  const { width } = outputs[name];
  if (width === 'one') return 1;
  return width === 'topK' ? topK : categories;
}

export function bytesPerElement(name: OutputName): number {
  return outputs[name].array.BYTES_PER_ELEMENT;
}
