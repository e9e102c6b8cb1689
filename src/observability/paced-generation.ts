/**
 * Limits the share of the HTTP thread's time that goes to generating an expensive value, such as the text of all
 * metrics. Concurrent calls share one generation, which begins after all of them, so that no caller gets an old value.
 */

/** After a generation of t ms the next begins at least 20 t later, so generating takes at most 1/21 of the time. */
const pauseFactor = 20;

/** Longest pause, for a generation that took long because the process was suspended. */
const pauseMsMax = 1000;

export interface Clock {
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
}

export class PacedGeneration<T> {
  readonly #generate: () => Promise<T>;
  readonly #clock: Clock;
  /** The generation that has not begun; calls share it. */
  #next: Promise<T> | undefined;
  /** Settles when the current generation is done. */
  #last: Promise<unknown> = Promise.resolve();
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(generate: () => Promise<T>, clock: Clock) {
    this.#generate = generate;
    this.#clock = clock;
  }

  /** Resolves to a value whose generation began after this call. */
  ask(): Promise<T> {
    this.#next ??= this.#make(this.#last);
    return this.#next;
  }

  async #make(last: Promise<unknown>): Promise<T> {
    await last;
    const { now, sleep } = this.#clock;
    const waitMs = this.#notBeforeMs - now();
    if (waitMs > 0) await sleep(waitMs);
    const startMs = now();
    const made = this.#generate();
    // A later call needs a new generation, because this one may already have read old values.
    this.#next = undefined;
    this.#last = made
      .catch(() => {})
      .then(() => {
        this.#notBeforeMs = now() + Math.min(pauseFactor * (now() - startMs), pauseMsMax);
      });
    return made;
  }
}
