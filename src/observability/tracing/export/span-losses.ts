/**
 * Counts what becomes of spans. Spans that cannot be exported are dropped; at most once a minute a log line says how
 * many, why, and what to check.
 */
import type { Logger } from 'pino';

/** How often lost spans are logged. */
const lineMs = 60_000;

/** Longest reason in a log line: it may come from a collector. */
const reasonCharactersMax = 200;

export interface SpanCounts {
  readonly spansExported: (spans: number) => void;
  readonly spansDropped: (spans: number) => void;
}

export class SpanLosses {
  readonly #logger: Logger;
  readonly #counts: SpanCounts;
  /** Where the collector should be. */
  readonly #collector: string;
  readonly #now: () => number;
  #unlogged = 0;
  #loggedAtMs = Number.NEGATIVE_INFINITY;

  constructor(logger: Logger, counts: SpanCounts, url: string, now: () => number) {
    const { origin, pathname } = new URL(url);
    this.#logger = logger;
    this.#counts = counts;
    this.#collector = `${origin}${pathname}`;
    this.#now = now;
  }

  exported(spans: number): void {
    this.#counts.spansExported(spans);
  }

  dropped(spans: number, reason: string): void {
    this.#counts.spansDropped(spans);
    this.#unlogged += spans;
    const nowMs = this.#now();
    if (nowMs - this.#loggedAtMs < lineMs) return;
    const line = {
      spans: this.#unlogged,
      collector: this.#collector,
      reason: reason.slice(0, reasonCharactersMax),
    };
    this.#loggedAtMs = nowMs;
    this.#unlogged = 0;
    this.#logger.warn(
      line,
      'spans were dropped: these, and others since the last such line; requests are not affected. Check that the collector runs at this address and takes OTLP over HTTP, usually on port 4318',
    );
  }
}
