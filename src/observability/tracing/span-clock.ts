/**
 * Times of spans. The service measures with `performance.now`, which counts from the start of the process; spans have
 * the time of day. All times of a request are converted with one offset, so that a clock that is set meanwhile changes
 * no order.
 */

/** The time of day may drift so far from the offset. Below it, the milliseconds of `Date.now` are no more exact. */
const driftMsMax = 10;

export class SpanClock {
  readonly #now: () => number;
  readonly #timeOfDay: () => number;
  #offsetMs: number;

  constructor(now: () => number, timeOfDay: () => number) {
    this.#now = now;
    this.#timeOfDay = timeOfDay;
    this.#offsetMs = timeOfDay() - now();
  }

  /** What to add to a time of `performance.now`. */
  offsetMs(): number {
    const offsetMs = this.#timeOfDay() - this.#now();
    if (Math.abs(offsetMs - this.#offsetMs) > driftMsMax) this.#offsetMs = offsetMs;
    return this.#offsetMs;
  }
}
