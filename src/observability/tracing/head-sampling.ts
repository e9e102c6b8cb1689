/**
 * Head sampling: a trace is recorded or not by its id, as OpenTelemetry's probability sampling says
 * (https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/): the last 14 hexadecimal digits of
 * an id are a random number R, and a share p of traces is recorded, those with R >= (1 - p) 2^56.
 *
 * The id of a trace that begins here is ours to choose. So it is not asked of each, but drawn at once how many requests
 * are passed over: floor(ln u / ln(1 - p)) for a uniform u, a geometric distribution. A request that is not recorded
 * costs a subtraction.
 */
import type { SpanIds } from './span-ids.js';

/** Of the 14 digits the first 13: a double holds them exactly. */
const digits = { from: 18, to: 31 } as const;
const values = 2 ** 52;

export class HeadSampling {
  readonly #ratio: number;
  readonly #threshold: number;
  readonly #ids: SpanIds;
  /** Traces to begin here that are not recorded, before the next one that is. */
  #unrecorded: number;

  /** @param ratio the share of traces that is recorded, from 0 to 1 */
  constructor(ratio: number, ids: SpanIds) {
    this.#ratio = ratio;
    this.#threshold = Math.round((1 - ratio) * values);
    this.#ids = ids;
    this.#unrecorded = this.#passedOver();
  }

  /** Whether a trace that began elsewhere is recorded. */
  records(traceId: string): boolean {
    return Number.parseInt(traceId.slice(digits.from, digits.to), 16) >= this.#threshold;
  }

  /** A trace begins here. @returns its id; undefined if it is not recorded */
  begin(): string | undefined {
    if (this.#unrecorded > 0) {
      this.#unrecorded -= 1;
      return undefined;
    }
    this.#unrecorded = this.#passedOver();
    const id = this.#ids.traceId();
    const random = this.#threshold + Math.floor(Math.random() * (values - this.#threshold));
    return `${id.slice(0, digits.from)}${random.toString(16).padStart(13, '0')}${id.slice(digits.to)}`;
  }

  #passedOver(): number {
    return Math.floor(Math.log(1 - Math.random()) / Math.log1p(-this.#ratio));
  }
}
