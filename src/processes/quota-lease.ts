/**
 * The portion of a key's quota that this process may charge without asking the primary. A draw within the portion does
 * not wait, and the next portion is requested when half of it is used. A larger draw waits for one reply of the
 * primary.
 */
import type { QuotaAccount } from '../access/quota.js';

/** The primary's reply to a charge. */
export interface Charged {
  readonly waitMs: number;
  readonly portion: number;
}

export interface QuotaPrimary {
  readonly charge: (elements: number) => Promise<Charged>;
  readonly refund: (elements: number) => void;
}

export class QuotaLease implements QuotaAccount {
  readonly elementsPerMinute: number;
  readonly #primary: QuotaPrimary;
  #elements = 0;
  /** Size of the last portion. */
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
      // Several draws may have asked at once, and each gets a portion: what is too much goes back.
      this.refund(portion);
    }
    return waitMs;
  }
}
