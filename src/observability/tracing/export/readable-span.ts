/** A span as the exporters of OpenTelemetry read it. */
import {
  createTraceState,
  type HrTime,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api';
import type { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import type { Resource } from '@opentelemetry/resources';
import type { EndedSpan } from '../span.js';

export type ReadableSpan = Parameters<OTLPTraceExporter['export']>[0][number];

/** All have one shape, with no property left out: that halves what the exporter takes for a span. */
export function readableSpan(
  span: EndedSpan,
  resource: Resource,
  instrumentationScope: ReadableSpan['instrumentationScope'],
): ReadableSpan {
  const { traceId, spanId, parentSpanId, parentIsRemote, name, startMs, endMs } = span;
  const traceState = span.traceState === undefined ? undefined : createTraceState(span.traceState);
  const contextOf = (spanId: string, isRemote: boolean) =>
    ({ traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote, traceState }) as SpanContext;
  const context = contextOf(spanId, false);
  return {
    name,
    kind: span.kind === 'server' ? SpanKind.SERVER : SpanKind.INTERNAL,
    spanContext: () => context,
    parentSpanContext: parentSpanId === undefined ? undefined : contextOf(parentSpanId, parentIsRemote),
    startTime: spanTime(startMs),
    endTime: spanTime(endMs),
    duration: spanTime(endMs - startMs),
    ended: true,
    status: { code: span.isError ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: span.attributes,
    droppedAttributesCount: 0,
    links: span.links.map(({ traceId, spanId }) => ({
      context: { traceId, spanId, traceFlags: TraceFlags.SAMPLED },
    })),
    droppedLinksCount: span.linksDropped,
    events: [],
    droppedEventsCount: 0,
    resource,
    instrumentationScope,
  } as ReadableSpan;
}

/** Seconds and nanoseconds of milliseconds, as OpenTelemetry takes times. */
export function spanTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - 1000 * seconds) * 1e6)];
}
