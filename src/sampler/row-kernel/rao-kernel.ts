/**
 * The Gumbel-Rao gradient of draws, in float64 and without the graph: exponentials are the kernel's own. The
 * mathematics is in assembly/rao.ts and assembly/condition.ts.
 */
import assert from 'node:assert/strict';
import { bumpAllocator, growTo, instantiate } from './exports.js';

/** Most elements of a tile, unless it is a single draw of more. A tile and its sums fit the L2 cache. */
export const raoElementsMax = 2 ** 14;

/** A kernel and its WebAssembly memory. Threads do not share it. Draws are adjacent; draw d is of row d % rowCount. */
export class RaoKernel {
  readonly #memory;
  readonly #kernel;
  #layout = layOut(0);
  #elements = 0;

  /** float32 [rows, K] */
  logits = new Float32Array(0);
  /** float32 [draws, K]: the noise of one inner draw of each draw. */
  noise = new Float32Array(0);
  /** float32 [draws, K] */
  cotangents = new Float32Array(0);
  /** int32 [draws]: the index of each hard draw. */
  indices = new Int32Array(0);
  /** float64 [rows] */
  temperature = new Float64Array(0);
  /** float64 [draws, K] */
  gradLogits = new Float64Array(0);

  constructor() {
    const { memory, kernel } = instantiate();
    this.#memory = memory;
    this.#kernel = kernel;
  }

  /** Makes room for draws of so many categories. Replaces the arrays if the memory grows. */
  reserve(categories: number): void {
    const elements = Math.max(raoElementsMax, categories);
    if (elements <= this.#elements) return;
    const layout = layOut(elements);
    growTo(this.#memory, layout.end);
    this.#layout = layout;
    this.#elements = elements;
    const { buffer } = this.#memory;
    this.logits = new Float32Array(buffer, layout.logits, elements);
    this.noise = new Float32Array(buffer, layout.noise, elements);
    this.cotangents = new Float32Array(buffer, layout.cotangents, elements);
    this.indices = new Int32Array(buffer, layout.indices, raoElementsMax);
    this.temperature = new Float64Array(buffer, layout.temperature, raoElementsMax);
    this.gradLogits = new Float64Array(buffer, layout.gradLogits, elements);
  }

  /** Begins the gradients of draws: reads logits, and sets gradLogits to 0. */
  begin(draws: number, categories: number, rowCount: number): void {
    const fits = draws >= 1 && rowCount >= 1 && rowCount <= draws && draws * categories <= this.#elements;
    assert(fits, `${draws} gradients of ${rowCount} rows of ${categories} categories. This is a bug.`);
    const { wide, logSums, logits } = this.#layout;
    this.#kernel.shiftRows(wide, logSums, logits, rowCount, categories);
    this.gradLogits.fill(0, 0, draws * categories);
  }

  /** Adds the inner draw whose noise is in `noise`. Call it with the arguments of the call of `begin`. */
  add(draws: number, categories: number, rowCount: number): void {
    const { gradLogits, noise, wide, logSums, indices, cotangents, temperature, scratch } = this.#layout;
    this.#kernel.addInners(
      gradLogits,
      noise,
      wide,
      logSums,
      indices,
      cotangents,
      temperature,
      draws,
      categories,
      rowCount,
      scratch,
    );
  }

  /** Turns the sums of `inner` inner draws in gradLogits into the gradients. */
  finish(draws: number, categories: number, rowCount: number, inner: number): void {
    const { gradLogits, temperature } = this.#layout;
    this.#kernel.finishInners(gradLogits, temperature, draws, categories, rowCount, inner);
  }
}

/** Byte offsets of the arrays. They take 36 bytes for each element. */
function layOut(elements: number) {
  const allocate = bumpAllocator();
  return {
    logits: allocate(4 * elements),
    noise: allocate(4 * elements),
    cotangents: allocate(4 * elements),
    indices: allocate(4 * raoElementsMax),
    temperature: allocate(8 * raoElementsMax),
    logSums: allocate(8 * raoElementsMax),
    wide: allocate(8 * elements),
    scratch: allocate(8 * elements),
    gradLogits: allocate(8 * elements),
    end: allocate(0),
  };
}
