/**
 * The way of spans to the collector. BatchSpanProcessor of the SDK gathers them; around it this keeps the number that
 * wait below a limit, and counts which are exported and which are dropped, neither of which the SDK tells.
 */
import type { BatchSpanProcessor, ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace';
import { reasonOf, type SpanLosses } from './span-losses.js';

/** How many spans are on their way. */
interface OnTheWay {
  /** Ended, and not in an export yet. */
  waiting: number;
  /** In an export. */
  exporting: number;
}

type Done = Parameters<SpanExporter['export']>[1];

/** Counts the outcome of each export. */
class CountedExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #losses: SpanLosses;
  readonly #onTheWay: OnTheWay;

  constructor(exporter: SpanExporter, losses: SpanLosses, onTheWay: OnTheWay) {
    this.#exporter = exporter;
    this.#losses = losses;
    this.#onTheWay = onTheWay;
  }

  export(spans: ReadableSpan[], done: Done): void {
    this.#onTheWay.waiting -= spans.length;
    this.#onTheWay.exporting += spans.length;
    this.#exporter.export(spans, (result) => {
      this.#onTheWay.exporting -= spans.length;
      // ExportResultCode.SUCCESS of @opentelemetry/core, whose other code is 1.
      if (result.code === 0) this.#losses.exported(spans.length);
      else this.#losses.dropped(spans.length, reasonOf(result.error));
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }
}

export interface SpanExportOptions {
  readonly exporter: SpanExporter;
  readonly losses: SpanLosses;
  /** Most spans that wait. */
  readonly queueSpansMax: number;
  /** Makes the SDK's processor for an exporter. */
  readonly gather: (exporter: SpanExporter) => BatchSpanProcessor;
}

/** Takes the spans that have ended. */
export class SpanExport implements SpanProcessor {
  readonly #onTheWay: OnTheWay = { waiting: 0, exporting: 0 };
  readonly #processor: BatchSpanProcessor;
  readonly #losses: SpanLosses;
  readonly #queueSpansMax: number;

  constructor({ exporter, losses, queueSpansMax, gather }: SpanExportOptions) {
    this.#processor = gather(new CountedExporter(exporter, losses, this.#onTheWay));
    this.#losses = losses;
    this.#queueSpansMax = queueSpansMax;
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#onTheWay.waiting >= this.#queueSpansMax) {
      this.#losses.dropped(1, 'more spans end than are exported (OTEL_BSP_MAX_QUEUE_SIZE)');
      return;
    }
    this.#onTheWay.waiting += 1;
    this.#processor.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.#processor.forceFlush();
  }

  /** Exports what waits. */
  shutdown(): Promise<void> {
    return this.#processor.shutdown();
  }

  /** The same within a limit of time. What has not been exported then is lost, and counted. */
  async close(msMax: number): Promise<void> {
    let late: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      late = setTimeout(resolve, msMax);
    });
    // A failed export has been counted.
    await Promise.race([this.shutdown().catch(() => {}), limit]);
    clearTimeout(late);
    const { waiting, exporting } = this.#onTheWay;
    if (waiting + exporting > 0) this.#losses.dropped(waiting + exporting, 'the process stops');
  }
}
