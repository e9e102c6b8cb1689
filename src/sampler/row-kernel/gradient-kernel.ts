/**
 * The gradients of draws, in float64: the computation before and after the exponential, which the graph computes. The
 * mathematics is in assembly/gradients.ts.
 */
import assert from 'node:assert/strict';
import { bumpAllocator, growTo, instantiate } from './exports.js';

/** Most elements of a tile, unless it is a single draw of more. So many that starting the graph costs little. */
export const runElementsMax = 2 ** 16;

/** The estimator of the gradient: vjp is that of the soft sample (straight-through), reinmax is ReinMax. */
export type Estimator = 'vjp' | 'reinmax';

/** A kernel and its WebAssembly memory. Threads do not share it. Draws are adjacent; draw d is of row d % rowCount. */
export class GradientKernel {
  readonly #memory;
  readonly #kernel;
  #layout = layOut(0);
  #elements = 0;

  /** float32 [rows, K]. `exponents` turns l into l - max l in place. */
  logits = new Float32Array(0);
  /** float32 [draws, K]. `exponents` turns g into the perturbed logits z in place, and `gradients` reads z. */
  noise = new Float32Array(0);
  /** float32 [draws, K] */
  cotangents = new Float32Array(0);
  /** float32 [draws, K], for reinmax [rows, K]. Output of `exponents`: exponents divided by the temperature. */
  scaled = new Float32Array(0);
  /** float32 [rows, K]. Output of `exponents` for reinmax: exponents at temperature 1. */
  unit = new Float32Array(0);
  /** float64 [rows] */
  temperature = new Float64Array(0);
  /** float64 [draws, K] */
  gradLogits = new Float64Array(0);
  /** float64 [draws] */
  gradTemperature = new Float64Array(0);

  constructor() {
    const { memory, kernel } = instantiate();
    this.#memory = memory;
    this.#kernel = kernel;
  }

  /** Makes room for draws of so many categories. Replaces the arrays if the memory grows. */
  reserve(categories: number): void {
    const elements = Math.max(runElementsMax, categories);
    if (elements <= this.#elements) return;
    const layout = layOut(elements);
    growTo(this.#memory, layout.end);
    this.#layout = layout;
    this.#elements = elements;
    const { buffer } = this.#memory;
    this.logits = new Float32Array(buffer, layout.logits, elements);
    this.noise = new Float32Array(buffer, layout.noise, elements);
    this.cotangents = new Float32Array(buffer, layout.cotangents, elements);
    this.scaled = new Float32Array(buffer, layout.scaled, elements);
    this.unit = new Float32Array(buffer, layout.unit, elements);
    this.temperature = new Float64Array(buffer, layout.temperature, runElementsMax);
    this.gradLogits = new Float64Array(buffer, layout.gradLogits, elements);
    this.gradTemperature = new Float64Array(buffer, layout.gradTemperature, runElementsMax);
  }

  /**
   * Writes the exponents of draws from index `first` on; their rows begin at index `first` too. The caller replaces the
   * exponents in `scaled`, for reinmax also those in `unit`, by their exponentials before it calls `gradients`.
   */
  exponents(kind: Estimator, first: number, draws: number, categories: number, rowCount: number): void {
    const fits = draws >= 1 && rowCount >= 1 && rowCount <= draws && (first + draws) * categories <= this.#elements;
    assert(fits, `${draws} gradients of ${rowCount} rows of ${categories} categories. This is a bug.`);
    const { logits, noise, scaled, unit, temperature } = this.#layout;
    const start = 4 * first * categories;
    this.#kernel.gradientExponents(
      scaled + start,
      unit + start,
      logits + start,
      noise + start,
      temperature + 8 * first,
      draws,
      categories,
      rowCount,
      kind === 'reinmax' ? 1 : 0,
    );
  }

  /** Writes gradLogits, and for vjp gradTemperature. Call it with the arguments of the call of `exponents`. */
  gradients(kind: Estimator, first: number, draws: number, categories: number, rowCount: number): void {
    const layout = this.#layout;
    const start = 4 * first * categories;
    const to = layout.gradLogits + 2 * start;
    // `exponents` has turned the noise into z.
    const z = layout.noise + start;
    const scaled = layout.scaled + start;
    const unit = layout.unit + start;
    const cotangents = layout.cotangents + start;
    if (kind === 'reinmax') {
      this.#kernel.reinmaxes(to, z, scaled, unit, cotangents, draws, categories, rowCount);
      return;
    }
    const temperatureTo = layout.gradTemperature + 8 * first;
    const temperature = layout.temperature + 8 * first;
    this.#kernel.vjps(to, temperatureTo, z, scaled, cotangents, temperature, draws, categories, rowCount);
  }
}

/** Byte offsets of the arrays. They take 28 bytes for each element. */
function layOut(elements: number) {
  const allocate = bumpAllocator();
  return {
    logits: allocate(4 * elements),
    noise: allocate(4 * elements),
    cotangents: allocate(4 * elements),
    scaled: allocate(4 * elements),
    unit: allocate(4 * elements),
    temperature: allocate(8 * runElementsMax),
    gradLogits: allocate(8 * elements),
    gradTemperature: allocate(8 * runElementsMax),
    end: allocate(0),
  };
}
