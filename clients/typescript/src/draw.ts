/** Draws: what is asked for, what comes back, and the rows of a request. */
import type { InputTensor, Parameters } from './inference.js';
import type { Part } from './parts.js';
import { randomSeed, type Seed, toSeed } from './seed.js';
import { type ArrayInput, sizeOf, Tensor, toFloats, toIntegers } from './tensor.js';
import type { CallOptions } from './transport.js';

/** The outputs of a draw, and the arrays they come in; docs/api.md and docs/differentiable.md say what they are. */
export interface OutputArrays {
  samples: Float32Array;
  indices: Int32Array;
  logSamples: Float32Array;
  noise: Float32Array;
  logProb: Float64Array;
  indexLogProb: Float64Array;
  topIndices: Int32Array;
  topScores: Float64Array;
  topThreshold: Float64Array;
  topLogProb: Float64Array;
}

export type OutputName = keyof OutputArrays;

/** How many numbers an output has for each sample of a row. */
type Width = 'one' | 'categories' | 'topK';

export const outputTable: Readonly<Record<OutputName, { readonly name: string; readonly width: Width }>> = {
  samples: { name: 'samples', width: 'categories' },
  indices: { name: 'indices', width: 'one' },
  logSamples: { name: 'log_samples', width: 'categories' },
  noise: { name: 'noise', width: 'categories' },
  logProb: { name: 'log_prob', width: 'one' },
  indexLogProb: { name: 'index_log_prob', width: 'one' },
  topIndices: { name: 'top_indices', width: 'topK' },
  topScores: { name: 'top_scores', width: 'topK' },
  topThreshold: { name: 'top_threshold', width: 'one' },
  topLogProb: { name: 'top_log_prob', width: 'one' },
};

/** One for all rows, or one for each: flat, or in the leading shape of the logits. */
type PerRow<Value> = Value | readonly (Value | readonly unknown[])[];

/** What says which draw it is. */
export interface DrawTerms {
  /** Of flat logits; their last axis has the categories. */
  readonly shape?: readonly number[] | undefined;
  /** 1 by default. */
  readonly temperature?: PerRow<number> | Float32Array | undefined;
  readonly hard?: PerRow<boolean> | undefined;
  /** One seed numbers its rows; with one for each row, each equals the one-row draw of its seed. */
  readonly seed?: PerRow<Seed> | BigUint64Array | undefined;
  readonly numSamples?: number | undefined;
  readonly rowOffset?: number | undefined;
  readonly sampleOffset?: number | undefined;
  readonly noise?: 'gumbel' | 'none' | undefined;
  readonly masks?: 'allow' | 'refuse' | undefined;
  /** Parameters that the service has and this client does not name. */
  readonly parameters?: Parameters | undefined;
}

export interface SampleOptions extends DrawTerms, CallOptions {
  /** Samples and indices by default, and topIndices if there is topK. */
  readonly outputs?: readonly OutputName[] | undefined;
  /** How many categories to draw without replacement. */
  readonly topK?: number | undefined;
  /** The index of each row, given which the noise is drawn. */
  readonly givenIndices?: ArrayInput | number | undefined;
}

/** Backward pass; the seed is required where the first argument is no draw. */
export interface VjpOptions extends DrawTerms, CallOptions {
  readonly estimator?: 'straight_through' | 'reinmax' | 'softmax' | 'gumbel_rao' | undefined;
  readonly raoSamples?: number | undefined;
}

/** A draw: its terms, with which it can be drawn again, and its outputs. */
export type Draw<Name extends OutputName = OutputName> = DrawnTerms & {
  readonly [Output in Name]: Tensor<OutputArrays[Output]>;
};

export interface DrawnTerms {
  readonly logits: Tensor;
  readonly temperature: number | Float32Array;
  readonly hard: boolean | readonly boolean[];
  /** As given, or as this client chose it; one for each row if they were given so. */
  readonly seed: bigint | readonly bigint[];
  readonly numSamples: number | undefined;
  readonly rowOffset: number;
  readonly sampleOffset: number;
  readonly noiseKind: 'gumbel' | 'none';
  /** Given which the noise was drawn; undefined for a plain draw. */
  readonly givenIndices: readonly number[] | undefined;
  readonly noiseVersion: string;
  /** What drew the soft samples: cpu, cuda or webgpu. */
  readonly provider: string;
}

export interface Vjp {
  /** Shaped like the logits. */
  readonly gradLogits: Tensor;
  /** A number for one temperature; undefined for estimators that have none. */
  readonly gradTemperature: number | Tensor | undefined;
}

/** The rows of a call: logits, and what belongs to each, checked and flat. */
export class Rows {
  readonly logits: Tensor;
  readonly rows: number;
  readonly categories: number;
  readonly temperature: number | Float32Array;
  readonly hard: boolean | readonly boolean[];
  readonly seed: bigint | BigUint64Array;
  readonly given: BigInt64Array | undefined;
  readonly #terms: DrawTerms;

  /** Without a seed this chooses one, before the first try, so that every try is the same draw. */
  constructor(logits: ArrayInput, terms: DrawTerms, givenIndices?: ArrayInput | number) {
    const { data, shape } = toFloats('logits', logits, terms.shape, 'masks');
    // A copy: callers step their own array on, and the draw stays that of these logits.
    this.logits = new Tensor(data.slice(), shape);
    if (shape.length === 0) throw new RangeError('logits is a number: it needs an axis of categories.');
    this.categories = shape.at(-1) as number;
    this.rows = sizeOf(this.leading);
    this.#terms = terms;
    const temperature = perRow('temperature', terms.temperature ?? 1, this.rows);
    this.temperature = typeof temperature === 'number' ? temperature : Float32Array.from(temperature as number[]);
    this.hard = perRow('hard', terms.hard ?? false, this.rows) as boolean | readonly boolean[];
    const seed = perRow('seed', terms.seed ?? randomSeed(), this.rows);
    this.seed = Array.isArray(seed) ? BigUint64Array.from(seed as Seed[], toSeed) : toSeed(seed as Seed);
    if (givenIndices !== undefined) {
      this.given = BigInt64Array.from(toIntegers('givenIndices', givenIndices).data, BigInt);
      if (this.given.length !== this.rows) throw countError('givenIndices', this.given.length, this.rows);
    }
  }

  /** The shape of the logits without its last axis, whose product is the number of rows. */
  get leading(): readonly number[] {
    return this.logits.shape.slice(0, -1);
  }

  /** All of the call. */
  get whole(): Part {
    return { row: 0, rows: this.rows, sample: 0, samples: this.#terms.numSamples ?? 1 };
  }

  /** The tensors of a part, which are views of those of the whole. */
  inputsOf({ row, rows }: Part): InputTensor[] {
    const { logits, categories, temperature, hard, seed, given } = this;
    const end = row + rows;
    const data = logits.data.subarray(row * categories, end * categories);
    const inputs: InputTensor[] = [{ name: 'logits', shape: [rows, categories], data }];
    const shape = [rows];
    if (typeof temperature !== 'number') {
      inputs.push({ name: 'temperature', shape, data: temperature.subarray(row, end) });
    }
    if (typeof hard !== 'boolean') {
      inputs.push({ name: 'hard', shape, data: Uint8Array.from(hard.slice(row, end), Number) });
    }
    if (typeof seed !== 'bigint') inputs.push({ name: 'seed', shape, data: seed.subarray(row, end) });
    if (given) inputs.push({ name: 'given_indices', shape, data: given.subarray(row, end) });
    return inputs;
  }

  /** The parameters of a part. Rows with seeds of their own are row 0 of their seed wherever they are. */
  parametersOf({ row, sample, samples }: Part): Parameters {
    const { temperature, hard, seed } = this;
    const { numSamples, rowOffset = 0, sampleOffset = 0, noise, masks, parameters } = this.#terms;
    const firstRow = rowOffset + (typeof seed === 'bigint' ? row : 0);
    const firstSample = sampleOffset + sample;
    return {
      ...(typeof temperature === 'number' && { temperature }),
      ...(hard === true && { hard }),
      ...(typeof seed === 'bigint' && { seed: String(seed) }),
      ...(numSamples !== undefined && { num_samples: samples }),
      ...(firstRow !== 0 && { row_offset: firstRow }),
      ...(firstSample !== 0 && { sample_offset: firstSample }),
      ...(noise !== undefined && { noise }),
      ...(masks !== undefined && { masks }),
      ...parameters,
    };
  }

  /** The shape of an output with so many numbers for each sample of a row; no axis for one. */
  shapeOf(width: number | undefined): readonly number[] {
    const { numSamples } = this.#terms;
    const shape = numSamples === undefined ? this.leading : [numSamples, ...this.leading];
    return width === undefined ? shape : [...shape, width];
  }

  termsWith(noiseVersion: string, provider: string): DrawnTerms {
    const { logits, temperature, hard, seed, given } = this;
    const { numSamples, rowOffset = 0, sampleOffset = 0, noise = 'gumbel' } = this.#terms;
    return {
      logits,
      temperature,
      hard,
      seed: typeof seed === 'bigint' ? seed : Array.from(seed),
      numSamples,
      rowOffset,
      sampleOffset,
      noiseKind: noise,
      givenIndices: given && Array.from(given, Number),
      noiseVersion,
      provider,
    };
  }
}

/** A value for all rows, or a flat array with one for each. An array of one is one for all rows. */
function perRow<Value>(what: string, values: Value, rows: number): unknown {
  if (!Array.isArray(values) && !ArrayBuffer.isView(values)) return values;
  const flat: unknown[] = Array.isArray(values) ? flattened(values) : Array.from(values as never);
  if (flat.length === 1) return flat[0];
  if (flat.length !== rows) throw countError(what, flat.length, rows);
  return flat;
}

function flattened(values: readonly unknown[]): unknown[] {
  return values.flatMap((value) => (Array.isArray(value) ? flattened(value) : [value]));
}

function countError(what: string, count: number, rows: number): RangeError {
  return new RangeError(`${what} has ${count} values for ${rows} rows: give one for all, or one for each.`);
}
