/**
 * The quotas of all keys, in the primary. Each process takes a small portion in advance, so that it does not ask for
 * every draw. All portions of a key are at most half a percent of its quota.
 */
import { Quota } from '../access/quota.js';

const portionsShare = 1 / 200;

export class QuotaLedger {
  readonly #processes: number;
  readonly #now: () => number;
  readonly #quotas = new Map<string, Quota>();

  /** @param now a monotonic clock, in milliseconds */
  constructor(processes: number, now: () => number) {
    this.#processes = processes;
    this.#now = now;
  }

  /** Sets the quota of a key. Every process calls it when it has read the key file, so most calls change nothing. */
  set(name: string, elementsPerMinute: number): void {
    if (this.#quotas.get(name)?.elementsPerMinute === elementsPerMinute) return;
    this.#quotas.set(name, new Quota(elementsPerMinute, this.#now));
  }

  /** Charges a draw, and a portion for later draws if the quota allows it. `waitMs` is 0 if the draw was accepted. */
  charge(name: string, elements: number): { readonly waitMs: number; readonly portion: number } {
    const quota = this.#quotas.get(name);
    if (!quota) return { waitMs: 0, portion: 0 };
    const waitMs = quota.charge(elements);
    const portion = Math.floor((quota.elementsPerMinute * portionsShare) / this.#processes);
    return { waitMs, portion: waitMs === 0 && quota.charge(portion) === 0 ? portion : 0 };
  }

  refund(name: string, elements: number): void {
    this.#quotas.get(name)?.refund(elements);
  }
}
