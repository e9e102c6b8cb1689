/** Who may draw, and how much: the callers of a set of keys, each with its quota. Knows neither files nor HTTP. */
import { Problem } from '../errors.js';
import { type ApiKey, findApiKey } from './api-keys.js';
import { Quota, type QuotaAccount } from './quota.js';

/** Whoever has a key; all keys of one name are one caller. */
export interface Caller {
  readonly name: string;
  /**
   * Charges a draw before it is queued; gives a promise where another process has to be asked.
   *
   * @throws {Problem} `quota-exceeded`, with the time after which the same draw would be let through; or rejects so
   */
  readonly charge: (elements: number) => Promise<void> | undefined;
  /** The draw was turned away for no fault of the caller: it costs nothing. */
  readonly refund: (elements: number) => void;
  /** The draw was done. */
  readonly drawn: (elements: number) => void;
}

export interface CallersOptions {
  /** Quota of callers whose lines give none; 0 is no quota. */
  readonly quotaElementsPerMinute: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Told what was drawn for whom. */
  readonly drawn: (name: string, elements: number) => void;
  /** Told of a caller none of whose keys is valid any more. */
  readonly removed: (name: string) => void;
  /** The account of a caller with a quota; by default it is kept here. */
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

  /** Takes over a new set of keys; callers that stay keep what they have used of their quota. */
  replace(keys: readonly ApiKey[]): void {
    const {
      quotaElementsPerMinute,
      now,
      removed,
      quotaOf = (_name, elements) => new Quota(elements, now),
    } = this.#options;
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
        if (typeof waitMs !== 'number') return waitMs.then(refuseUntil);
        refuseUntil(waitMs);
        return undefined;
      },
      refund: (elements) => this.#quotas.get(name)?.refund(elements),
      drawn: (elements) => this.#options.drawn(name, elements),
    };
  }
}

/** @throws {Problem} `quota-exceeded` unless there is nothing to wait for */
function refuseUntil(waitMs: number): void {
  if (waitMs === 0) return;
  const seconds = Math.ceil(waitMs / 1000);
  throw new Problem('quota-exceeded', `The quota allows this draw in ${seconds} s.`, [], seconds);
}
