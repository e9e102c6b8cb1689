/**
 * Learns how many units a worker draws in a millisecond, as an average over recent batches. The prior is the rate of
 * the machine on which the cost model was measured. While nothing is drawn, the estimate returns to the prior.
 * Otherwise an estimate from a bad moment could refuse all the draws that would correct it.
 */
import { nanosecondsPerUnit } from '../cost.js';

/** Smaller batches are ignored: their time is mostly that of the message and of starting the graph. */
const unitsMin = 2 ** 16;
/** Weight of the prior, in milliseconds of work. */
const priorMs = 50;
/** Time constant in milliseconds of work: older work decays exponentially. */
const memoryMs = 1000;
/** Time constant in milliseconds of the clock: after so long without work, a third of the observations is left. */
const forgetMs = 10_000;
/** The estimate is within this factor of the prior, either way. */
const factorMax = 8;

export class WorkRate {
  readonly #now: () => number;
  readonly #priorPerMs: number;
  #units = 0;
  #busyMs = 0;
  #observedAtMs: number;

  /** @param now milliseconds of a monotonic clock */
  constructor(now: () => number, priorPerMs = 1e6 / nanosecondsPerUnit) {
    this.#now = now;
    this.#priorPerMs = priorPerMs;
    this.#observedAtMs = now();
  }

  /** The estimate: units that one worker draws in a millisecond. */
  get unitsPerMs(): number {
    const decay = this.#decay();
    const rate = (this.#priorPerMs * priorMs + decay * this.#units) / (priorMs + decay * this.#busyMs);
    return Math.min(factorMax * this.#priorPerMs, Math.max(this.#priorPerMs / factorMax, rate));
  }

  /** Records that a worker has drawn a batch of so many units in `busyMs`. */
  observe(units: number, busyMs: number): void {
    if (units < unitsMin || !(busyMs > 0)) return;
    const decay = this.#decay() * Math.min(1, memoryMs / (this.#busyMs + busyMs));
    this.#units = decay * this.#units + units;
    this.#busyMs = decay * this.#busyMs + busyMs;
    this.#observedAtMs = this.#now();
  }

  /** The weight of the observations now, in (0, 1]. */
  #decay(): number {
    return Math.exp((this.#observedAtMs - this.#now()) / forgetMs);
  }
}
