/**
 * The capacity of the queue, and each caller's share of it. Every queued job has a charge, in units of cost.ts. The
 * charge is at least unitsMax / requestsMax, so one account limits both units and requests.
 *
 * A quarter of the capacity is reserved for small jobs. A caller may have queued only as much as is still free (dynamic
 * thresholds, Choudhury and Hahne 1998). So one greedy caller leaves half of the capacity free, and n of them leave
 * 1 / (n + 1), without a count of callers.
 */

/** The charges of one caller's jobs in the queue. */
export interface Share {
  smallCharge: number;
  largeCharge: number;
}

/** The share of the capacity that large jobs cannot use. */
const reservedForSmall = 1 / 4;
/**
 * The most that a large job is charged, as a share of the capacity for large jobs. A large job runs in parts, and other
 * jobs get their turns between, so beyond this its size does not matter to them.
 */
const largestShare = 1 / 8;

export class Capacity {
  readonly #unitsMax: number;
  readonly #largeMax: number;
  readonly #chargeMin: number;
  readonly #largeChargeMax: number;
  readonly #total: Share = { smallCharge: 0, largeCharge: 0 };

  constructor(unitsMax: number, requestsMax: number) {
    this.#unitsMax = unitsMax;
    this.#largeMax = unitsMax - Math.floor(unitsMax * reservedForSmall);
    this.#chargeMin = Math.ceil(unitsMax / requestsMax);
    this.#largeChargeMax = Math.max(1, Math.floor(this.#largeMax * largestShare));
  }

  /** The charge of a job with so many units left. */
  chargeOf(units: number, large: boolean): number {
    if (units === 0) return 0;
    return Math.max(this.#chargeMin, large ? Math.min(units, this.#largeChargeMax) : units);
  }

  /** Adds a charge to the share of a caller and to the total. A negative charge takes it off again. */
  count(share: Share, charge: number, large: boolean): void {
    const name = large ? 'largeCharge' : 'smallCharge';
    share[name] += charge;
    this.#total[name] += charge;
  }

  /** Whether a caller may queue a job of this charge. While the queue is empty, it may queue any job. */
  admits(share: Share, charge: number, large: boolean): boolean {
    const free = this.#free();
    if (free === this.#unitsMax) return true;
    if (!large) return share.smallCharge + charge <= free;
    const freeForLarge = Math.min(free, this.#largeMax - this.#total.largeCharge);
    return share.smallCharge + share.largeCharge + charge <= freeForLarge;
  }

  /** Whether `admits` is false for every job of this caller: it is false for the smallest one. */
  refuses(share: Share): boolean {
    return !this.admits(share, this.#chargeMin, false);
  }

  /** Whether `refuses` may be true for any caller. Cheaper than `refuses`. */
  get mayRefuse(): boolean {
    return this.#free() < this.#total.smallCharge + this.#chargeMin;
  }

  #free(): number {
    return this.#unitsMax - this.#total.smallCharge - this.#total.largeCharge;
  }
}
