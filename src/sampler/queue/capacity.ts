/**
 * How much may wait, and how much of it each caller may have. Counts units and nothing else: every request weighs at
 * least as much as makes the limit of requests, so one account bounds both.
 *
 * A quarter is for small jobs alone, whatever fills the rest. Beyond that a caller may have queued only as much as is
 * still free (dynamic thresholds, Choudhury and Hahne 1998): a greedy one leaves a half, n of them an n+1-th, and
 * nobody counts callers.
 */

/** What one caller has in the queue. */
export interface Share {
  smallWeight: number;
  largeWeight: number;
}

/** The share of the queue in which only small jobs wait. */
const reservedForSmall = 1 / 4;
/**
 * A large job counts for at most this share of what large ones may fill: it takes turns, so it holds nobody up for
 * longer.
 */
const largestShare = 1 / 8;

export class Capacity {
  readonly #unitsMax: number;
  readonly #largeMax: number;
  readonly #weightMin: number;
  readonly #largeWeightMax: number;
  readonly #total: Share = { smallWeight: 0, largeWeight: 0 };

  constructor(unitsMax: number, requestsMax: number) {
    this.#unitsMax = unitsMax;
    this.#largeMax = unitsMax - Math.floor(unitsMax * reservedForSmall);
    this.#weightMin = Math.ceil(unitsMax / requestsMax);
    this.#largeWeightMax = Math.max(1, Math.floor(this.#largeMax * largestShare));
  }

  /** What a job with so many units left counts for. */
  weightOf(units: number, large: boolean): number {
    if (units === 0) return 0;
    return Math.max(this.#weightMin, large ? Math.min(units, this.#largeWeightMax) : units);
  }

  /** Counts a weight, or with a negative one takes it off again. */
  count(share: Share, weight: number, large: boolean): void {
    const name = large ? 'largeWeight' : 'smallWeight';
    share[name] += weight;
    this.#total[name] += weight;
  }

  /** Whether a caller may queue so much more. Any job is let in while nothing waits. */
  admits(share: Share, weight: number, large: boolean): boolean {
    const free = this.#free();
    if (free === this.#unitsMax) return true;
    if (!large) return share.smallWeight + weight <= free;
    const freeForLarge = Math.min(free, this.#largeMax - this.#total.largeWeight);
    return share.smallWeight + share.largeWeight + weight <= freeForLarge;
  }

  /** Whether a caller may queue not even the smallest job; then it may queue none. */
  isFullFor(share: Share): boolean {
    return !this.admits(share, this.#weightMin, false);
  }

  /** Whether `isFullFor` could be true of any caller. */
  get mayBeFull(): boolean {
    return this.#free() < this.#total.smallWeight + this.#weightMin;
  }

  #free(): number {
    return this.#unitsMax - this.#total.smallWeight - this.#total.largeWeight;
  }
}
