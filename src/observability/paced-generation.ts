/**
 * Something that takes the HTTP thread milliseconds to make and must never be old, for however many ask at once: all
 * who ask while it waits get the same one, made after they asked, and making takes at most a bounded share of the
 * thread's time.
 */

/**
 * After one took t ms the next begins about 20 t later, so all of them together take at most a twenty-first of the
 * time.
 */
const pauseFactor = 20;

/** If the process stood still while one was made, the next is not to wait for that. */
const pauseMsMax = 1000;

export interface Clock {
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
}

export class PacedGeneration<T> {
  readonly #generate: () => Promise<T>;
  readonly #clock: Clock;
  /** The one that has not begun: whoever asks shares it. */
  #next: Promise<T> | undefined;
  /** Settles when the one that has begun, if any, is done. */
  #last: Promise<unknown> = Promise.resolve();
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(generate: () => Promise<T>, clock: Clock) {
    this.#generate = generate;
    this.#clock = clock;
  }

  /** Resolves with one whose making began after this call. */
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
    // It may have read already what whoever asks from now on wants to see changed.
    this.#next = undefined;
    this.#last = made
      .catch(() => {})
      .then(() => {
        this.#notBeforeMs = now() + Math.min(pauseFactor * (now() - startMs), pauseMsMax);
      });
    return made;
  }
}
