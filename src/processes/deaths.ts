/** When a process that died is replaced, and when so many have died that no replacement will help. */

/** So many deaths within a minute are no accident. */
const deathsMax = 5;
const windowMs = 60_000;

const firstDelayMs = 1000;
const delayMsMax = 30_000;

export class Deaths {
  readonly #now: () => number;
  /** Of those within the last minute. */
  #atMs: number[] = [];
  /** Without a minute in between. */
  #inARow = 0;

  /** `now` gives milliseconds of a clock that never goes back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Counts one; gives the milliseconds until its replacement starts, or undefined where none should. */
  count(): number | undefined {
    const nowMs = this.#now();
    this.#atMs = this.#atMs.filter((atMs) => atMs > nowMs - windowMs);
    if (this.#atMs.length === 0) this.#inARow = 0;
    this.#atMs.push(nowMs);
    this.#inARow += 1;
    if (this.#atMs.length >= deathsMax) return undefined;
    return this.#inARow === 1 ? 0 : Math.min(firstDelayMs * 2 ** (this.#inARow - 2), delayMsMax);
  }
}
