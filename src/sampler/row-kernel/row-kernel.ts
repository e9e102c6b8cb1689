/**
 * Loads the WebAssembly kernel of what is computed one row at a time: log-samples, log-densities and top-k. The
 * mathematics, its domains and bounds are in assembly/log-density.ts and assembly/top-k.ts. Leaves to its callers whose
 * noise it is and where results go.
 */

import assert from 'node:assert/strict';
import { type Exports, growTo, instantiate, placer } from './exports.js';

/**
 * Elements that the callers of a kernel hand it at a time, but for a single row of more: with its scratch they fit the
 * L2 cache.
 */
export const blockElementsMax = 2 ** 14;

/** Bytes of an entry of the sort, which has two lists of them. */
const entryBytes = 8;

const noFiniteLogit = 'A row without a finite logit. This is a bug.';

/**
 * Where the arrays of a kernel begin, in bytes. Page 0 is the kernel's own. `work` is log y, the log-samples, or the
 * entries of the sort.
 */
interface Layout {
  readonly logits: number;
  readonly noise: number;
  readonly temperature: number;
  readonly logProb: number;
  readonly topIndices: number;
  readonly z: number;
  readonly logY: number;
  readonly logSamples: number;
  readonly end: number;
}

function layOut(elements: number, draws: number, categories: number, sorts: boolean): Layout {
  const place = placer();
  const layout = {
    logits: place(4 * elements),
    noise: place(4 * elements),
    temperature: place(8 * draws),
    logProb: place(8 * draws),
    topIndices: place(sorts ? 4 * elements : 0),
    z: place(4 * categories),
    logY: place(8 * categories),
    logSamples: place(4 * elements),
  };
  return { ...layout, end: Math.max(place(0), sorts ? layout.logY + 2 * entryBytes * categories + 192 : 0) };
}

/**
 * A kernel with a memory of its own, not shared between threads. `reserve` makes the views; draws lie one after another
 * in them, and draw d is of row d % rowCount. A call overwrites what an earlier one left, and `reserve` may move
 * everything.
 */
export class RowKernel {
  readonly #memory;
  readonly #kernel: Exports;
  #layout = layOut(0, 0, 0, false);
  #reserved = { elements: 0, categories: 0, sorts: false };

  /** float32 [rows, K] */
  logits = new Float32Array(0);
  /** float32 [draws, K]: the noise of draws, or points. */
  noise = new Float32Array(0);
  /** float64 [rows] */
  temperature = new Float64Array(0);
  /** float64 [draws] */
  logProb = new Float64Array(0);
  /** int32 [draws, k]; shares memory with nothing that is read after it. */
  topIndices = new Int32Array(0);
  /** float32 [draws, K] */
  logSamples = new Float32Array(0);

  constructor() {
    const { memory, kernel } = instantiate();
    this.#memory = memory;
    this.#kernel = kernel;
  }

  /**
   * Makes room for draws of so many categories, as many as a block has, and for sorting a row where `sorts`. Grows
   * memory when it must.
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
    this.temperature = new Float64Array(buffer, layout.temperature, blockElementsMax);
    this.logProb = new Float64Array(buffer, layout.logProb, blockElementsMax);
    this.topIndices = new Int32Array(buffer, layout.topIndices, reserved.sorts ? reserved.elements : 0);
    this.logSamples = new Float32Array(buffer, layout.logSamples, reserved.elements);
  }

  /** Writes the k categories of each draw to topIndices, k after k. At least k logits of each row are finite. */
  drawTopIndices(draws: number, categories: number, rowCount: number, k: number): void {
    this.#check(draws, categories, rowCount);
    assert(
      k >= 1 && k <= categories && this.#reserved.sorts,
      `The first ${k} of ${categories} categories. This is a bug.`,
    );
    const { topIndices, logits, noise, z, logY } = this.#layout;
    const enough = this.#kernel.topIndices(topIndices, logits, noise, draws, categories, rowCount, k, z, logY);
    assert(enough, `A row has fewer than ${k} finite logits. This is a bug.`);
  }

  /** Writes the log-samples of each draw to logSamples, and where `withLogProb` their log-density to logProb. */
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

  /** Writes to logProb the log-density of the points in `noise`: samples, or where `areLogs` their logarithms. */
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

  /** The kernel's own exponential, logarithm and logarithm of a factorial. For tests. */
  get functions(): Pick<Exports, 'expOf' | 'logOf' | 'logFactorial'> {
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
