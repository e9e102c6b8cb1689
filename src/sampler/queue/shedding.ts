/**
 * Load shedding while the queue has room for small draws only. Only the body of a request says whether its draw is
 * small, and reading all bodies of a flood would take the HTTP thread more time than it has (docs/design.md,
 * "Overload"). So a request is judged by the last draw of its caller:
 *
 * - If that was small, the request is read. Small draws are never refused in favour of large ones.
 * - If it was large, less than a second ago, the request is refused. The caller was told to wait for a second.
 * - Else a token bucket lets so many requests a second be read. The others are refused.
 */

/** The Retry-After of `overloaded`. */
const retryAfterMs = 1000;
/**
 * The rate of the token bucket. A request that is read and then refused takes about a quarter of a millisecond of the
 * HTTP thread, so these take a twentieth of its time.
 */
const readPerSecond = 200;
/** The size of the token bucket: enough for the new connections of many clients at once. */
const readAtOnce = 50;

/** The last draw of a caller. */
export interface LastDraw {
  /** The time of the caller's last large draw. */
  largeAtMs: number;
  /** The charge (capacity.ts) of that draw. */
  largeCharge: number;
  /** Whether the last draw was small. */
  wasSmall: boolean;
}

export class Shedding {
  readonly #now: () => number;
  /** Time and charge of the last large draw that the queue had no room for. */
  #refusedAtMs = Number.NEGATIVE_INFINITY;
  #refusedCharge = 0;
  /** The token bucket: requests that may be read now. */
  #tokens = readAtOnce;
  #filledAtMs = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds of a monotonic clock */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether `refuses` may be true for any caller: a large draw was refused within the last second. */
  get mayRefuse(): boolean {
    if (this.#refusedAtMs === Number.NEGATIVE_INFINITY) return false;
    if (this.#now() - this.#refusedAtMs < retryAfterMs) return true;
    this.#refusedAtMs = Number.NEGATIVE_INFINITY;
    return false;
  }

  /** Records a draw that has been read as its caller's last. */
  noteDraw(caller: LastDraw, charge: number, large: boolean, isRefused: boolean): void {
    caller.wasSmall = !large;
    if (!large) return;
    caller.largeAtMs = this.#now();
    caller.largeCharge = charge;
    if (!isRefused) return;
    this.#refusedAtMs = caller.largeAtMs;
    this.#refusedCharge = charge;
  }

  /**
   * Whether a request of this caller is refused unread. May spend a token.
   *
   * @param hasRoom whether the queue would admit a large draw of this charge
   */
  refuses(caller: LastDraw, hasRoom: (charge: number) => boolean): boolean {
    if (!this.mayRefuse || caller.wasSmall) return false;
    const nowMs = this.#now();
    const wasLarge = nowMs - caller.largeAtMs < retryAfterMs;
    if (hasRoom(wasLarge ? caller.largeCharge : this.#refusedCharge)) return false;
    return wasLarge || !this.#takeToken(nowMs);
  }

  #takeToken(nowMs: number): boolean {
    const seconds = Math.min(1, (nowMs - this.#filledAtMs) / 1000);
    this.#tokens = Math.min(readAtOnce, this.#tokens + seconds * readPerSecond);
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
