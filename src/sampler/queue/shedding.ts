/**
 * Which requests are refused before their bodies are read, while large draws have filled their part of the queue and
 * small ones would still be let in. What a request asks for is in its body, and to read a flood of them takes the HTTP
 * thread longer than the workers take for what they can do. So a caller is known by its last draw:
 *
 * - if that was small, it is read: small draws are never refused for the sake of large ones;
 * - if it was large, less than a second ago, it is refused: it has been told to wait for a second;
 * - else so many callers a second are read, and the others are refused.
 */

/** As long as the Retry-After of `overloaded`. */
const waitMs = 1000;
/**
 * A refusal that was read takes about a quarter of a millisecond of the HTTP thread: a twentieth of it is spent on
 * finding out.
 */
const readPerSecond = 200;
/** Enough for all new connections of many clients at once. */
const readAtOnce = 50;

/** What is remembered of a caller. */
export interface LastDraw {
  /** When it last sent a large draw, if its last one was. */
  largeAtMs: number;
  /** What that counts for. */
  largeWeight: number;
  wasSmall: boolean;
}

export class Shedding {
  readonly #now: () => number;
  /** A large draw that found no room: what it counts for, and when it came. */
  #refusedAtMs = Number.NEGATIVE_INFINITY;
  #refusedWeight = 0;
  #toRead = readAtOnce;
  #filledAtMs = Number.NEGATIVE_INFINITY;

  /** `now` gives milliseconds of a clock that never goes back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether large draws were refused lately: else nothing is shed. */
  get isOn(): boolean {
    if (this.#refusedAtMs === Number.NEGATIVE_INFINITY) return false;
    if (this.#now() - this.#refusedAtMs < waitMs) return true;
    this.#refusedAtMs = Number.NEGATIVE_INFINITY;
    return false;
  }

  /** A draw has been read. */
  noteDraw(caller: LastDraw, weight: number, large: boolean, isRefused: boolean): void {
    caller.wasSmall = !large;
    if (!large) return;
    caller.largeAtMs = this.#now();
    caller.largeWeight = weight;
    if (!isRefused) return;
    this.#refusedAtMs = caller.largeAtMs;
    this.#refusedWeight = weight;
  }

  /**
   * Whether a request is refused unread; `hasRoom` says whether a large draw that counts for so much would be let in.
   */
  sheds(caller: LastDraw, hasRoom: (weight: number) => boolean): boolean {
    if (!this.isOn || caller.wasSmall) return false;
    const nowMs = this.#now();
    const isKnown = nowMs - caller.largeAtMs < waitMs;
    if (hasRoom(isKnown ? caller.largeWeight : this.#refusedWeight)) return false;
    return isKnown || !this.#mayRead(nowMs);
  }

  #mayRead(nowMs: number): boolean {
    const since = Math.min(1, (nowMs - this.#filledAtMs) / 1000);
    this.#toRead = Math.min(readAtOnce, this.#toRead + since * readPerSecond);
    this.#filledAtMs = nowMs;
    if (this.#toRead < 1) return false;
    this.#toRead -= 1;
    return true;
  }
}
