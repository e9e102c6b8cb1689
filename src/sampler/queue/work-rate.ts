/**
 * How much a worker does in a millisecond, learnt from the batches it has drawn. It begins at the rate of the machine
 * on which the weights of the cost model were measured, and goes back to it while nothing is drawn: a rate that was
 * learnt in a bad moment must not refuse for ever the draws that would correct it.
 */
import { nanosecondsPerUnit } from '../cost.js';

/** Smaller batches say nothing: a run of the graph and a message take as long as they do. */
const unitsMin = 2 ** 16;
/** The beginning counts for as much as so much work. */
const priorMs = 50;
/** Of more work than this only the latest counts. */
const memoryMs = 1000;
/** After so long without work a rate is forgotten to a third. */
const forgetMs = 10_000;
/** However a machine differs from the one that was measured, or is shared. */
const factorMax = 8;

export class WorkRate {
  readonly #now: () => number;
  readonly #priorPerMs: number;
  #units = 0;
  #busyMs = 0;
  #observedAtMs: number;

  /** `now` gives milliseconds of a clock that never goes back. */
  constructor(now: () => number, priorPerMs = 1e6 / nanosecondsPerUnit) {
    this.#now = now;
    this.#priorPerMs = priorPerMs;
    this.#observedAtMs = now();
  }

  /** Units that one worker does in a millisecond. */
  get unitsPerMs(): number {
    const kept = this.#kept();
    const rate = (this.#priorPerMs * priorMs + kept * this.#units) / (priorMs + kept * this.#busyMs);
    return Math.min(factorMax * this.#priorPerMs, Math.max(this.#priorPerMs / factorMax, rate));
  }

  /** A worker has drawn a batch of so many units in so long. */
  observe(units: number, busyMs: number): void {
    if (units < unitsMin || !(busyMs > 0)) return;
    const kept = this.#kept() * Math.min(1, memoryMs / (this.#busyMs + busyMs));
    this.#units = kept * this.#units + units;
    this.#busyMs = kept * this.#busyMs + busyMs;
    this.#observedAtMs = this.#now();
  }

  /** How much of what was observed still counts. */
  #kept(): number {
    return Math.exp((this.#observedAtMs - this.#now()) / forgetMs);
  }
}
