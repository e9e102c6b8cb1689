/** A request that is traced but not recorded: it has ids for logs, problems and the caller, and makes no spans. */
import type { SpanContext } from '@opentelemetry/api';
import type { RequestSpan } from '../../http/request-span.js';
import { serverTimingOf } from './server-timing.js';

export class UnrecordedRequest implements RequestSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly serverTiming: string;
  readonly trace = undefined;

  constructor(ids: SpanContext) {
    this.traceId = ids.traceId;
    this.spanId = ids.spanId;
    this.serverTiming = serverTimingOf(ids);
  }

  refused(): void {}

  ended(): void {}
}
