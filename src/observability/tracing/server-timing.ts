/** The header server-timing of a traced request: https://www.w3.org/TR/trace-context-2/, in the reply. */
import type { SpanContext } from '@opentelemetry/api';

export function serverTimingOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `traceparent;desc="00-${traceId}-${spanId}-${traceFlags === 0 ? '00' : '01'}"`;
}
