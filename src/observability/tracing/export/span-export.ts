/**
 * The way of spans to the collector: those that have ended wait, at most so many, until there are enough for an export
 * or the oldest has waited long enough. There is one export at a time. Every span is counted, as exported or dropped.
 */
import type { EndedSpan } from '../span.js';
import type { SpanLosses } from './span-losses.js';

export interface Exporter {
  /** Resolves when the collector has taken the spans. Rejects with the reason if it has not. */
  readonly export: (spans: readonly EndedSpan[]) => Promise<void>;
  /** Ends exports that are still going on: they reject. */
  readonly close: () => Promise<void>;
}

export interface SpanExportOptions {
  readonly exporter: Exporter;
  readonly losses: SpanLosses;
  /** Most spans that wait. */
  readonly queueSpansMax: number;
  /** Most spans of an export. */
  readonly exportSpansMax: number;
  /** How long a span waits for others. */
  readonly scheduleDelayMs: number;
}

export class SpanExport {
  readonly #options: SpanExportOptions;
  #waiting: EndedSpan[] = [];
  readonly #exports = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SpanExportOptions) {
    this.#options = options;
  }

  add(span: EndedSpan): void {
    if (this.#waiting.length >= this.#options.queueSpansMax) {
      this.#options.losses.dropped(1, 'more spans end than are exported (OTEL_BSP_MAX_QUEUE_SIZE)');
      return;
    }
    this.#waiting.push(span);
    this.#schedule();
  }

  /** Exports what waits, within a limit of time. What has not been exported then is lost, and counted. */
  async close(msMax: number): Promise<void> {
    while (this.#waiting.length > 0) this.#export();
    let late: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      late = setTimeout(resolve, msMax);
    });
    await Promise.race([Promise.all(this.#exports), limit]);
    clearTimeout(late);
    await this.#options.exporter.close();
    await Promise.all(this.#exports);
  }

  #schedule(): void {
    const { exportSpansMax, scheduleDelayMs } = this.#options;
    if (this.#exports.size > 0 || this.#waiting.length === 0) return;
    if (this.#waiting.length >= exportSpansMax) this.#export();
    else this.#timer ??= setTimeout(() => this.#export(), scheduleDelayMs).unref();
  }

  #export(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { exporter, losses, exportSpansMax } = this.#options;
    const spans = this.#waiting.splice(0, exportSpansMax);
    const outcome = exporter.export(spans).then(
      () => losses.exported(spans.length),
      (error: Error) => losses.dropped(spans.length, error.message),
    );
    this.#exports.add(outcome);
    outcome.then(() => {
      this.#exports.delete(outcome);
      this.#schedule();
    });
  }
}
