/**
 * Log-probabilities of given categories: the normalisers of rows, and orders drawn without replacement, in float64 by
 * WebAssembly. The mathematics and its error bounds are in assembly/log-softmax.ts and assembly/plackett-luce.ts.
 */
import assert from 'node:assert/strict';
import { bumpAllocator, growTo, instantiate } from './exports.js';
import { blockElementsMax, normalizerBytes } from './row-kernel.js';

/** A kernel and its WebAssembly memory. Threads do not share it. Each call overwrites the results of earlier ones. */
export class LogProbKernel {
  readonly #memory;
  readonly #kernel;
  #layout = layOut(0);
  #elements = 0;

  /** float32 [rows, K] */
  logits = new Float32Array(0);
  /** uint32 [draws, k] */
  orders = new Uint32Array(0);
  /** float64 [rows, 2]: the largest logit, and what to subtract from l - max l. */
  normalizers = new Float64Array(0);
  /** float64 [draws] */
  logProb = new Float64Array(0);

  constructor() {
    const { memory, kernel } = instantiate();
    this.#memory = memory;
    this.#kernel = kernel;
  }

  /** Makes room for a block of so many categories. Replaces the arrays if the memory grows. */
  reserve(categories: number): void {
    const elements = Math.max(blockElementsMax, categories);
    if (elements <= this.#elements) return;
    const layout = layOut(elements);
    growTo(this.#memory, layout.end);
    this.#layout = layout;
    this.#elements = elements;
    const { buffer } = this.#memory;
    this.logits = new Float32Array(buffer, layout.logits, elements);
    this.orders = new Uint32Array(buffer, layout.orders, elements);
    this.normalizers = new Float64Array(buffer, layout.normalizers, 2 * blockElementsMax);
    this.logProb = new Float64Array(buffer, layout.logProb, blockElementsMax);
  }

  /** Writes the normaliser of each row. */
  normalize(rows: number, categories: number): void {
    this.#check(rows, categories);
    const { normalizers, logits } = this.#layout;
    const done = this.#kernel.normalizers(normalizers, logits, categories, rows);
    assert(done, 'A row has no finite logit. This is a bug.');
  }

  /** Writes the log-probability of each draw's order to logProb. Its categories are different, and none is masked. */
  orderLogProbs(draws: number, categories: number, rowCount: number, k: number): void {
    this.#check(draws, categories);
    assert(k >= 1 && k <= categories && rowCount <= draws, `${k} of ${categories} categories. This is a bug.`);
    const { logProb, orders, logits, left, picked } = this.#layout;
    this.#kernel.orderLogProbs(logProb, orders, logits, draws, categories, rowCount, k, left, picked);
  }

  #check(draws: number, categories: number): void {
    const fits = draws >= 1 && draws <= blockElementsMax && draws * categories <= this.#elements;
    assert(fits, `${draws} log-probabilities of ${categories} categories. This is a bug.`);
  }
}

/** Byte offsets of the arrays. They take 16 bytes for each element. */
function layOut(elements: number) {
  const allocate = bumpAllocator();
  return {
    logits: allocate(4 * elements),
    orders: allocate(4 * elements),
    left: allocate(4 * elements),
    picked: allocate(4 * elements),
    normalizers: allocate(normalizerBytes * blockElementsMax),
    logProb: allocate(8 * blockElementsMax),
    end: allocate(0),
  };
}
