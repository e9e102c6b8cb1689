/**
 * The outputs that a job can ask for. This table is all that the queue, the messages between the threads, the plan of a
 * batch and the cost model know of an output; what computes it is in worker/, what clients call it in
 * schemas/outputs.ts.
 */

/** Elements of one draw: one, one for each category, or one for each of the top k. */
export type Width = 'one' | 'categories' | 'topK';

/** What the tile must hold before an output can be taken from it: noise, the index of each draw, or soft samples. */
export type Stage = 'noise' | 'index' | 'soft';

/** Work beside the noise that the cost model has a weight for; see cost.ts. What several outputs share is done once. */
export type Work = 'rowOutput' | 'logSamples' | 'logProb' | 'topK' | 'index' | 'soft' | 'noiseCopy';

interface OutputSpec {
  readonly array: typeof Float32Array | typeof Float64Array | typeof Int32Array;
  readonly width: Width;
  readonly stage: Stage;
  /** Of a draw; what a gradient or a density costs depends on its kind alone. */
  readonly work: readonly Work[];
}

export const outputs = {
  /** float32 [K]: soft, or one-hot. */
  samples: { array: Float32Array, width: 'categories', stage: 'soft', work: ['index', 'soft'] },
  /** int32: the category drawn. */
  indices: { array: Int32Array, width: 'one', stage: 'index', work: ['index'] },
  /** float32 [K]: the Gumbel noise. */
  noise: { array: Float32Array, width: 'categories', stage: 'noise', work: ['noiseCopy'] },
  /** float32 [K]: the logarithm of the soft sample, -Infinity where masked. */
  logSamples: { array: Float32Array, width: 'categories', stage: 'noise', work: ['rowOutput', 'logSamples'] },
  /** float64: the log-density at logSamples, or at the job's points. */
  logProb: { array: Float64Array, width: 'one', stage: 'noise', work: ['rowOutput', 'logSamples', 'logProb'] },
  /** int32 [topK]: the categories of the largest perturbed logits, in order. */
  topIndices: { array: Int32Array, width: 'topK', stage: 'noise', work: ['index', 'rowOutput', 'topK'] },
  /** float64 [K]: the gradient with respect to the logits. */
  gradLogits: { array: Float64Array, width: 'categories', stage: 'noise', work: [] },
  /** float64: the gradient with respect to the temperature. */
  gradTemperature: { array: Float64Array, width: 'one', stage: 'noise', work: [] },
} as const satisfies Record<string, OutputSpec>;

export type OutputName = keyof typeof outputs;
export const outputNames = Object.keys(outputs) as readonly OutputName[];

/** An array of each output, for as many draws as its owner has. */
export type OutputArrays = { readonly [Name in OutputName]: InstanceType<(typeof outputs)[Name]['array']> };

/** Elements of each output; one that is not named has none. */
export type OutputCounts = { readonly [Name in OutputName]?: number };

/** Elements of one draw of K categories. */
export function widthOf(name: OutputName, categories: number, topK: number): number {
  const { width } = outputs[name];
  if (width === 'one') return 1;
  return width === 'topK' ? topK : categories;
}

export function bytesPerElement(name: OutputName): number {
  return outputs[name].array.BYTES_PER_ELEMENT;
}
