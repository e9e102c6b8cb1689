/**
 * A quota of elements per minute: a token bucket that holds a minute's worth and refills continuously. A draw larger
 * than the bucket is accepted when the bucket is full and leaves a debt. So every legal draw is accepted eventually,
 * and Retry-After is always correct.
 */

/** Counts the elements of a key: a Quota, or a portion of one that another process keeps. */
export interface QuotaAccount {
  readonly elementsPerMinute: number;
  /** Takes the elements and returns 0, or takes none and returns the milliseconds to wait. */
  readonly charge: (elements: number) => number | Promise<number>;
  /** Returns elements that were charged for a draw that was not done. */
  readonly refund: (elements: number) => void;
}

export class Quota implements QuotaAccount {
  readonly #elementsPerMinute: number;
  readonly #now: () => number;
  #elements: number;
  #filledAtMs: number;

  /** @param now a monotonic clock, in milliseconds */
  constructor(elementsPerMinute: number, now: () => number) {
    this.#elementsPerMinute = elementsPerMinute;
    this.#now = now;
    this.#elements = elementsPerMinute;
    this.#filledAtMs = now();
  }

  get elementsPerMinute(): number {
    return this.#elementsPerMinute;
  }

  /** Charges the elements and returns 0, or charges nothing and returns the milliseconds to wait. */
  charge(elements: number): number {
    const nowMs = this.#now();
    const perMs = this.#elementsPerMinute / 60_000;
    this.#elements = Math.min(this.#elementsPerMinute, this.#elements + (nowMs - this.#filledAtMs) * perMs);
    this.#filledAtMs = nowMs;
    const missing = Math.min(elements, this.#elementsPerMinute) - this.#elements;
    if (missing > 0) return missing / perMs;
    this.#elements -= elements;
    return 0;
  }

  /** Refunds a charge for a draw that was not completed. */
  refund(elements: number): void {
    this.#elements = Math.min(this.#elementsPerMinute, this.#elements + elements);
  }
}
