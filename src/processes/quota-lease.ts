/**
 * The part of a key's quota that this process may use without asking. A draw within it does not wait; the next portion
 * is asked for when half of it is used. A larger draw asks the primary, for one message there and back.
 */
import type { QuotaAccount } from '../access/quota.js';

/** What the primary answers to a charge. */
export interface Charged {
  readonly waitMs: number;
  readonly portion: number;
}

export interface QuotaPrimary {
  /** Charges so many elements; gives what the primary says. */
  readonly charge: (elements: number) => Promise<Charged>;
  readonly refund: (elements: number) => void;
}

export class QuotaLease implements QuotaAccount {
  readonly elementsPerMinute: number;
  readonly #primary: QuotaPrimary;
  #elements = 0;
  /** The last portion that came. */
  #portion = 0;
  #asking = false;

  constructor(elementsPerMinute: number, primary: QuotaPrimary) {
    this.elementsPerMinute = elementsPerMinute;
    this.#primary = primary;
  }

  charge(elements: number): number | Promise<number> {
    if (elements > this.#elements) return this.#ask(elements);
    this.#elements -= elements;
    if (2 * this.#elements < this.#portion && !this.#asking) void this.#ask(0);
    return 0;
  }

  refund(elements: number): void {
    this.#elements += elements;
    const excess = this.#elements - this.#portion;
    if (excess <= 0) return;
    this.#elements -= excess;
    this.#primary.refund(excess);
  }

  async #ask(elements: number): Promise<number> {
    this.#asking = true;
    const { waitMs, portion } = await this.#primary.charge(elements);
    this.#asking = false;
    if (portion > 0) {
      this.#portion = portion;
      // Several draws may have asked at once, each for a portion.
      this.refund(portion);
    }
    return waitMs;
  }
}
