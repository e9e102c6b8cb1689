/**
 * The gradients of draws, in float64: what comes before and after the exponential, which the graph takes. The
 * mathematics is in assembly/gradients.ts. Leaves to its callers whose noise it is and what becomes of the gradients.
 */
import assert from 'node:assert/strict';
import { growTo, instantiate, placer } from './exports.js';

/** Elements of a run, but for a single draw of more: enough that starting the graph costs little beside them. */
export const runElementsMax = 2 ** 16;

/** What stands in for the gradient of a draw: that of its soft sample, or ReinMax's. */
export type Estimator = 'vjp' | 'reinmax';

/**
 * A kernel with a memory of its own, not shared between threads. Draws lie one after another, draw d is of row d %
 * rowCount.
 */
export class GradientKernel {
  readonly #memory;
  readonly #kernel;
  #at = layOut(0);
  #elements = 0;

  /** float32 [rows, K]; l - max l after `exponents`. */
  logits = new Float32Array(0);
  /** float32 [draws, K]; z after `exponents`. */
  noise = new Float32Array(0);
  /** float32 [draws, K] */
  cotangents = new Float32Array(0);
  /** What `exponents` writes: float32 [draws, K], for reinmax [rows, K]. */
  scaled = new Float32Array(0);
  /** float32 [rows, K], for reinmax. */
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

  /** Makes room for draws of so many categories; the views are then others. */
  reserve(categories: number): void {
    const elements = Math.max(runElementsMax, categories);
    if (elements <= this.#elements) return;
    const at = layOut(elements);
    growTo(this.#memory, at.end);
    this.#at = at;
    this.#elements = elements;
    const { buffer } = this.#memory;
    this.logits = new Float32Array(buffer, at.logits, elements);
    this.noise = new Float32Array(buffer, at.noise, elements);
    this.cotangents = new Float32Array(buffer, at.cotangents, elements);
    this.scaled = new Float32Array(buffer, at.scaled, elements);
    this.unit = new Float32Array(buffer, at.unit, elements);
    this.temperature = new Float64Array(buffer, at.temperature, runElementsMax);
    this.gradLogits = new Float64Array(buffer, at.gradLogits, elements);
    this.gradTemperature = new Float64Array(buffer, at.gradTemperature, runElementsMax);
  }

  /**
   * Writes the exponents of the gradients of draws from place `place` on, whose rows begin there too. They become
   * exponentials in `scaled`, for reinmax also in `unit`, before the gradients are asked for.
   */
  exponents(kind: Estimator, place: number, draws: number, categories: number, rowCount: number): void {
    const fits = draws >= 1 && rowCount >= 1 && rowCount <= draws && (place + draws) * categories <= this.#elements;
    assert(fits, `${draws} gradients of ${rowCount} rows of ${categories} categories. This is a bug.`);
    const { logits, noise, scaled, unit, temperature } = this.#at;
    const start = 4 * place * categories;
    this.#kernel.gradientExponents(
      scaled + start,
      unit + start,
      logits + start,
      noise + start,
      temperature + 8 * place,
      draws,
      categories,
      rowCount,
      kind === 'reinmax' ? 1 : 0,
    );
  }

  /** Writes gradLogits, and for vjp gradTemperature, of draws whose exponents were written with the same arguments. */
  gradients(kind: Estimator, place: number, draws: number, categories: number, rowCount: number): void {
    const at = this.#at;
    const start = 4 * place * categories;
    const to = at.gradLogits + 2 * start;
    const [z, scaled, unit, cotangents] = [at.noise + start, at.scaled + start, at.unit + start, at.cotangents + start];
    if (kind === 'reinmax') {
      this.#kernel.reinmaxes(to, z, scaled, unit, cotangents, draws, categories, rowCount);
      return;
    }
    const temperatureTo = at.gradTemperature + 8 * place;
    const temperature = at.temperature + 8 * place;
    this.#kernel.vjps(to, temperatureTo, z, scaled, cotangents, temperature, draws, categories, rowCount);
  }
}

/** Where the arrays begin, in bytes: 28 an element. */
function layOut(elements: number) {
  const place = placer();
  return {
    logits: place(4 * elements),
    noise: place(4 * elements),
    cotangents: place(4 * elements),
    scaled: place(4 * elements),
    unit: place(4 * elements),
    temperature: place(8 * runElementsMax),
    gradLogits: place(8 * elements),
    gradTemperature: place(8 * runElementsMax),
    end: place(0),
  };
}
