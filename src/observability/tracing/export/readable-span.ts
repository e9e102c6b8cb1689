/** A span as the exporters of OpenTelemetry read it. */
import {
  type Attributes,
  createTraceState,
  type HrTime,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api';
import type { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import type { Resource } from '@opentelemetry/resources';
import type { EndedSpan } from '../span.js';

export type ReadableSpan = Parameters<OTLPTraceExporter['export']>[0][number];

export function readableSpan(
  span: EndedSpan,
  resource: Resource,
  instrumentationScope: ReadableSpan['instrumentationScope'],
): ReadableSpan {
  const { traceId, spanId, parentSpanId, name, startMs, endMs } = span;
  const traceState = span.traceState === undefined ? undefined : createTraceState(span.traceState);
  const inTrace = { traceId, traceFlags: TraceFlags.SAMPLED, ...(traceState && { traceState }) };
  const context = { ...inTrace, spanId };
  return {
    name,
    kind: span.kind === 'server' ? SpanKind.SERVER : SpanKind.INTERNAL,
    spanContext: () => context,
    ...(parentSpanId !== undefined && {
      parentSpanContext: { ...inTrace, spanId: parentSpanId, isRemote: span.parentIsRemote },
    }),
    startTime: spanTime(startMs),
    endTime: spanTime(endMs),
    duration: spanTime(endMs - startMs),
    ended: true,
    status: { code: span.isError ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    attributes: span.attributes as Attributes,
    droppedAttributesCount: 0,
    links: span.links.map((ids) => ({ context: { ...ids, traceFlags: TraceFlags.SAMPLED } })),
    droppedLinksCount: span.linksDropped,
    events: [],
    droppedEventsCount: 0,
    resource,
    instrumentationScope,
  };
}

/** Seconds and nanoseconds of milliseconds, as OpenTelemetry takes times. */
export function spanTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - 1000 * seconds) * 1e6)];
}
