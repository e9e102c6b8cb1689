/**
 * The quotas of all keys, which the processes draw on. Each process takes a small portion in advance, so that it need
 * not ask for every draw; all portions together are at most half a percent of a minute's worth.
 */
import { Quota } from '../access/quota.js';

const portionsShare = 1 / 200;

export class QuotaLedger {
  readonly #processes: number;
  readonly #now: () => number;
  readonly #quotas = new Map<string, Quota>();

  /** `now` gives milliseconds of a clock that never goes back. */
  constructor(processes: number, now: () => number) {
    this.#processes = processes;
    this.#now = now;
  }

  /** A process has read what a key may draw. They read the same file, one a few seconds after the other. */
  set(name: string, elementsPerMinute: number): void {
    if (this.#quotas.get(name)?.elementsPerMinute === elementsPerMinute) return;
    this.#quotas.set(name, new Quota(elementsPerMinute, this.#now));
  }

  /** Charges a draw of some process, and its next portion where there is enough. */
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
