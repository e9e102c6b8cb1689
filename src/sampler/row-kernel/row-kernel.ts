/**
 * The row kernel computes log-samples, log-densities and top-k, one row at a time, in WebAssembly. The mathematics, its
 * domains and error bounds are in assembly/log-density.ts, top-k.ts, log-softmax.ts and plackett-luce.ts.
 */

import assert from 'node:assert/strict';
import { bumpAllocator, type Exports, growTo, instantiate } from './exports.js';

/** Most elements of a block, unless it is a single row of more. A block and its scratch fit the L2 cache. */
export const blockElementsMax = 2 ** 14;

/** Bytes of an entry of the sort, which needs two lists of them. */
const entryBytes = 8;

/** Bytes of a row's normaliser (assembly/log-softmax.ts). */
export const normalizerBytes = 16;

/** What to compute of the top k beside their indices. */
interface TopOutputs {
  readonly scores: boolean;
  readonly threshold: boolean;
  readonly logProb: boolean;
}

const indicesOnly: TopOutputs = { scores: false, threshold: false, logProb: false };

const noFiniteLogit = 'A row has no finite logit. This is a bug.';

/**
 * Byte offsets of the arrays. Page 0 has the kernel's constants and scratch. The entries of the sort overlap logY and
 * logSamples.
 */
interface Layout {
  readonly logits: number;
  readonly noise: number;
  readonly temperature: number;
  readonly logProb: number;
  readonly normalizers: number;
  readonly topThreshold: number;
  readonly topLogProb: number;
  readonly topIndices: number;
  readonly topScores: number;
  readonly given: number;
  readonly z: number;
  readonly logY: number;
  readonly logSamples: number;
  readonly end: number;
}

function layOut(elements: number, draws: number, categories: number, sorts: boolean): Layout {
  const allocate = bumpAllocator();
  const layout = {
    logits: allocate(4 * elements),
    noise: allocate(4 * elements),
    temperature: allocate(8 * draws),
    logProb: allocate(8 * draws),
    normalizers: allocate(sorts ? normalizerBytes * draws : 0),
    topThreshold: allocate(sorts ? 8 * draws : 0),
    topLogProb: allocate(sorts ? 8 * draws : 0),
    topIndices: allocate(sorts ? 4 * elements : 0),
    topScores: allocate(sorts ? 8 * elements : 0),
    given: allocate(4 * draws),
    z: allocate(4 * categories),
    logY: allocate(8 * categories),
    logSamples: allocate(4 * elements),
  };
  return { ...layout, end: Math.max(allocate(0), sorts ? layout.logY + 2 * entryBytes * categories + 192 : 0) };
}

/**
 * A kernel and its WebAssembly memory. Threads do not share it. Draws are adjacent, and draw d is of row d % rowCount.
 * Each call overwrites the results of earlier ones. `reserve` makes the arrays, and may replace them all.
 */
export class RowKernel {
  readonly #memory;
  readonly #kernel: Exports;
  #layout = layOut(0, 0, 0, false);
  #reserved = { elements: 0, categories: 0, sorts: false };

  /** float32 [rows, K] */
  logits = new Float32Array(0);
  /** float32 [draws, K]. Input of drawTop and drawLogs. */
  noise = new Float32Array(0);
  /** float32 [draws, K], the same memory as `noise`. Input of logProbOfPoints. */
  points = this.noise;
  /** float64 [rows] */
  temperature = new Float64Array(0);
  /** float64 [draws] */
  logProb = new Float64Array(0);
  /** int32 [draws, k] */
  topIndices = new Int32Array(0);
  /** float64 [draws, k]: their perturbed log-probabilities. */
  topScores = new Float64Array(0);
  /** float64 [draws]: the perturbed log-probability of the category that comes next, -Infinity if none is left. */
  topThreshold = new Float64Array(0);
  /** float64 [draws]: the log-probability of their order. */
  topLogProb = new Float64Array(0);
  /** float32 [draws, K] */
  logSamples = new Float32Array(0);
  /** int32 [rows]. Input of condition. */
  given = new Int32Array(0);
  /** float32 [draws, K], the same memory as `noise`. Output of condition, input of logSamplesOfZ. */
  conditioned = this.noise;
  /** float32 [draws, K], the same memory as `logSamples`. Output of condition. */
  conditionedNoise = this.logSamples;

  constructor() {
    const { memory, kernel } = instantiate();
    this.#memory = memory;
    this.#kernel = kernel;
  }

  /**
   * Makes room for a block of draws of so many categories, and with `sorts` for sorting a row. Grows the memory if it
   * is too small.
   */
  reserve(categories: number, sorts: boolean): void {
    const elements = Math.max(blockElementsMax, categories);
    const old = this.#reserved;
    if (elements <= old.elements && categories <= old.categories && (old.sorts || !sorts)) return;
    const reserved = {
      elements: Math.max(elements, old.elements),
      categories: Math.max(categories, old.categories),
      sorts: sorts || old.sorts,
    };
    const layout = layOut(reserved.elements, blockElementsMax, reserved.categories, reserved.sorts);
    growTo(this.#memory, layout.end);
    this.#layout = layout;
    this.#reserved = reserved;
    const { buffer } = this.#memory;
    this.logits = new Float32Array(buffer, layout.logits, reserved.elements);
    this.noise = new Float32Array(buffer, layout.noise, reserved.elements);
    this.points = this.noise;
    this.temperature = new Float64Array(buffer, layout.temperature, blockElementsMax);
    this.logProb = new Float64Array(buffer, layout.logProb, blockElementsMax);
    const sorted = reserved.sorts ? reserved.elements : 0;
    const sortedDraws = reserved.sorts ? blockElementsMax : 0;
    this.topIndices = new Int32Array(buffer, layout.topIndices, sorted);
    this.topScores = new Float64Array(buffer, layout.topScores, sorted);
    this.topThreshold = new Float64Array(buffer, layout.topThreshold, sortedDraws);
    this.topLogProb = new Float64Array(buffer, layout.topLogProb, sortedDraws);
    this.logSamples = new Float32Array(buffer, layout.logSamples, reserved.elements);
    this.given = new Int32Array(buffer, layout.given, blockElementsMax);
    this.conditioned = this.noise;
    this.conditionedNoise = this.logSamples;
  }

  /**
   * Writes the top k categories of each draw to topIndices, and what else is wanted of them. At least k logits of each
   * row are finite.
   */
  drawTop(draws: number, categories: number, rowCount: number, k: number, wanted = indicesOnly): void {
    this.#check(draws, categories, rowCount);
    assert(
      k >= 1 && k <= categories && this.#reserved.sorts,
      `Top ${k} of ${categories} categories: k is out of range, or no room is reserved. This is a bug.`,
    );
    const { topIndices, topScores, topThreshold, topLogProb, logits, noise, z, normalizers, logY } = this.#layout;
    const enough = this.#kernel.topOutputs(
      topIndices,
      wanted.scores ? topScores : 0,
      wanted.threshold ? topThreshold : 0,
      wanted.logProb ? topLogProb : 0,
      logits,
      noise,
      draws,
      categories,
      rowCount,
      k,
      z,
      normalizers,
      logY,
    );
    assert(enough, `A row has fewer than ${k} finite logits. This is a bug.`);
  }

  /** Writes the log-samples of each draw to logSamples, and if `withLogProb` their log-density to logProb. */
  drawLogs(draws: number, categories: number, rowCount: number, withLogProb: boolean): void {
    this.#check(draws, categories, rowCount);
    const { logSamples, logProb, logits, noise, temperature, z, logY } = this.#layout;
    const logProbTo = withLogProb ? logProb : 0;
    const drawn = this.#kernel.logOutputs(
      logSamples,
      logProbTo,
      logits,
      noise,
      temperature,
      draws,
      categories,
      rowCount,
      z,
      logY,
    );
    assert(drawn, noFiniteLogit);
  }

  /**
   * Turns `noise` into the perturbed logits z of draws whose indices are `given`, in place: `conditioned`. Writes z -
   * l', the conditioned noise, to conditionedNoise.
   */
  condition(draws: number, categories: number, rowCount: number): void {
    this.#check(draws, categories, rowCount);
    const { noise, logits, given, logY, logSamples } = this.#layout;
    const done = this.#kernel.conditionDraws(logSamples, noise, logits, given, draws, categories, rowCount, logY);
    assert(done, noFiniteLogit);
  }

  /** Writes the log-samples of each draw to logSamples, from its z in `conditioned`. */
  logSamplesOfZ(draws: number, categories: number, rowCount: number): void {
    this.#check(draws, categories, rowCount);
    const { logSamples, noise, logits, temperature, logY } = this.#layout;
    this.#kernel.logSamplesOfZ(logSamples, noise, logits, temperature, draws, categories, rowCount, logY);
  }

  /** Writes the log-density of `points` to logProb. Points are samples, or if `areLogs` logarithms of samples. */
  logProbOfPoints(draws: number, categories: number, rowCount: number, areLogs: boolean): void {
    this.#check(draws, categories, rowCount);
    const { logProb, logits, noise, temperature, logY } = this.#layout;
    const done = this.#kernel.logProbOfPoints(
      logProb,
      logits,
      noise,
      temperature,
      draws,
      categories,
      rowCount,
      +areLogs,
      logY,
    );
    assert(done, noFiniteLogit);
  }

  /** log y of one row in float64, before it is rounded. For tests. */
  logSamplesOf(logits: Float32Array, noise: Float32Array, temperature: number): Float64Array {
    this.reserve(logits.length, false);
    this.logits.set(logits);
    this.noise.set(noise);
    this.#kernel.logSamplesOf(
      this.#layout.logY,
      this.#layout.logits,
      this.#layout.noise,
      logits.length,
      temperature,
      this.#layout.z,
    );
    return new Float64Array(this.#memory.buffer, this.#layout.logY, logits.length).slice();
  }

  /** The log-density of one row at log y in float64. For tests. */
  logDensityOf(logits: Float32Array, temperature: number, logY: ArrayLike<number>): number {
    this.reserve(logits.length, false);
    this.logits.set(logits);
    new Float64Array(this.#memory.buffer, this.#layout.logY, logits.length).set(logY);
    return this.#kernel.logDensityOf(this.#layout.logits, this.#layout.logY, logits.length, temperature);
  }

  /** The kernel's own exponential, logarithms and logarithm of a factorial. For tests. */
  get functions(): Pick<Exports, 'expOf' | 'logOf' | 'log1pOf' | 'log1pWideOf' | 'logFactorial'> {
    return this.#kernel;
  }

  #check(draws: number, categories: number, rowCount: number): void {
    const { elements, categories: categoriesMax } = this.#reserved;
    const fits = draws * categories <= elements && rowCount * categories <= elements && draws <= blockElementsMax;
    assert(
      draws >= 1 && rowCount >= 1 && fits && categories <= categoriesMax,
      `${draws} draws of ${rowCount} rows of ${categories} categories, of ${elements} elements. This is a bug.`,
    );
  }
}
