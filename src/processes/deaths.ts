/** Decides when a dead process is replaced, and when too many have died. */

/** This many deaths within a minute are no accident. */
const deathsMax = 5;
const windowMs = 60_000;

const firstDelayMs = 1000;
const delayMsMax = 30_000;

export class Deaths {
  readonly #now: () => number;
  /** Times of the deaths within the last minute. */
  #atMs: number[] = [];
  /** Deaths since the last minute without one. */
  #inARow = 0;

  /** @param now a monotonic clock, in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Counts a death. Returns the delay of the replacement in milliseconds, or undefined after too many deaths. */
  count(): number | undefined {
    const nowMs = this.#now();
    this.#atMs = this.#atMs.filter((atMs) => atMs > nowMs - windowMs);
    if (this.#atMs.length === 0) this.#inARow = 0;
    this.#atMs.push(nowMs);
    this.#inARow += 1;
    if (this.#atMs.length >= deathsMax) return undefined;
    return this.#inARow === 1 ? 0 : Math.min(firstDelayMs * 2 ** (this.#inARow - 2), delayMsMax);
  }
}
