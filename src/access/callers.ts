/** The callers of a set of API keys, each with a quota. This module knows neither files nor HTTP. */
import { Problem } from '../errors.js';
import { type ApiKey, findApiKey } from './api-keys.js';
import { Quota, type QuotaAccount } from './quota.js';

/** A client with an API key. All keys of one name belong to one caller. */
export interface Caller {
  readonly name: string;
  /**
   * Charges a draw before it is queued. Returns a promise if another process has to be asked.
   *
   * @throws {Problem} `quota-exceeded`, with the time after which the same draw will be accepted
   */
  readonly charge: (elements: number) => Promise<void> | undefined;
  /** Refunds a draw that was rejected for a reason other than the caller. */
  readonly refund: (elements: number) => void;
  /** Counts a completed draw. */
  readonly drawn: (elements: number) => void;
}

export interface CallersOptions {
  /** Quota of callers whose keys have none; 0 for no quota. */
  readonly quotaElementsPerMinute: number;
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
  /** Called after each completed draw. */
  readonly drawn: (name: string, elements: number) => void;
  /** Called when a caller has no valid key any more. */
  readonly removed: (name: string) => void;
  /** Opens the account of a caller with a quota; by default a Quota of this process. */
  readonly quotaOf?: (name: string, elementsPerMinute: number) => QuotaAccount;
}

export class Callers {
  readonly #options: CallersOptions;
  readonly #quotas = new Map<string, QuotaAccount | undefined>();
  readonly #callers = new Map<string, Caller>();
  #keys: readonly ApiKey[] = [];

  constructor(options: CallersOptions) {
    this.#options = options;
  }

  /** Replaces the set of keys. Callers that remain keep the state of their quota. */
  replace(keys: readonly ApiKey[]): void {
    const { quotaElementsPerMinute, now, removed } = this.#options;
    const { quotaOf = (_name, elementsPerMinute) => new Quota(elementsPerMinute, now) } = this.#options;
    this.#keys = keys;
    const names = new Set(keys.map(({ name }) => name));
    for (const name of this.#callers.keys()) {
      if (names.has(name)) continue;
      this.#callers.delete(name);
      this.#quotas.delete(name);
      removed(name);
    }
    for (const { name, elementsPerMinute = quotaElementsPerMinute } of keys) {
      if ((this.#quotas.get(name)?.elementsPerMinute ?? 0) !== elementsPerMinute) {
        this.#quotas.set(name, elementsPerMinute === 0 ? undefined : quotaOf(name, elementsPerMinute));
      }
      if (!this.#callers.has(name)) this.#callers.set(name, this.#caller(name));
    }
  }

  /** The caller with the presented key, or undefined. */
  find(presented: string): Caller | undefined {
    const key = findApiKey(this.#keys, presented);
    return key && this.#callers.get(key.name);
  }

  #caller(name: string): Caller {
    return {
      name,
      charge: (elements) => {
        const waitMs = this.#quotas.get(name)?.charge(elements) ?? 0;
        if (typeof waitMs !== 'number') return waitMs.then(assertNoWait);
        assertNoWait(waitMs);
        return undefined;
      },
      refund: (elements) => this.#quotas.get(name)?.refund(elements),
      drawn: (elements) => this.#options.drawn(name, elements),
    };
  }
}

/** @throws {Problem} `quota-exceeded` if there is a time to wait */
function assertNoWait(waitMs: number): void {
  if (waitMs === 0) return;
  const seconds = Math.ceil(waitMs / 1000);
  throw new Problem('quota-exceeded', `The quota allows this draw in ${seconds} s.`, [], seconds);
}
