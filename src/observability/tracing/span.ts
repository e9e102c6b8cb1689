/** Spans as they are recorded: plain values, made once, when a span ends. */
import type { TraceIds } from '../../http/trace-context.js';
import type { SpanClock } from './span-clock.js';
import type { SpanIds } from './span-ids.js';

export type Attributes = Record<string, string | number | readonly string[]>;

export interface EndedSpan extends TraceIds {
  readonly name: string;
  readonly kind: 'server' | 'internal';
  /** Undefined for the root of a trace. */
  readonly parentSpanId: string | undefined;
  /** Whether the parent is the caller's span. */
  readonly parentIsRemote: boolean;
  /** The header tracestate of the trace's caller. */
  readonly traceState: string | undefined;
  /** Times of day in milliseconds since 1970, with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Attributes>;
  readonly links: readonly TraceIds[];
  /** Links that are left out. */
  readonly linksDropped: number;
  readonly isError: boolean;
}

/** What spans are made with, and where they go. */
export interface SpanRecorder {
  readonly ids: SpanIds;
  readonly clock: SpanClock;
  readonly record: (span: EndedSpan) => void;
}
