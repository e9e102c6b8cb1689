/** Starts the span of each request of a route that draws, as a child of the caller's span if there is one. */
import { createTraceState, ROOT_CONTEXT, SpanKind, type Tracer, trace } from '@opentelemetry/api';
import { RandomIdGenerator } from '@opentelemetry/sdk-trace';
import { keepSpan } from '../../http/request-span.js';
import { traceParentOf } from '../../http/trace-context.js';
import type { RouteTracer } from '../../routes/request-trace.js';
import { RecordedRequest } from './recorded-request.js';
import { type SpanClock, spanTime } from './span-clock.js';
import { UnrecordedRequest } from './unrecorded-request.js';

/** The flag of a traceparent that says that the caller records the trace. */
const sampledFlag = 1;

/**
 * @param deciding asks the sampler
 * @param recording records every span
 * @param asParent whether a request is recorded only if its caller, if there is one, is
 */
export function requestTracer(deciding: Tracer, recording: Tracer, clock: SpanClock, asParent: boolean): RouteTracer {
  const ids = new RandomIdGenerator();
  return {
    start: (message, route) => {
      const startMs = performance.now();
      const parent = traceParentOf(message);
      if (asParent && parent && (parent.flags & sampledFlag) === 0) {
        // The SDK would decide the same, but takes longer.
        const { traceId } = parent;
        const own = new UnrecordedRequest({ traceId, spanId: ids.generateSpanId(), traceFlags: 0 });
        keepSpan(message, own);
        return own;
      }
      const offsetMs = clock.offsetMs();
      const { tracestate } = message.headers;
      const context = parent
        ? trace.setSpanContext(ROOT_CONTEXT, {
            traceId: parent.traceId,
            spanId: parent.spanId,
            traceFlags: parent.flags,
            isRemote: true,
            ...(typeof tracestate === 'string' && { traceState: createTraceState(tracestate) }),
          })
        : ROOT_CONTEXT;
      const options = { kind: SpanKind.SERVER, startTime: spanTime(offsetMs + startMs) };
      const span = deciding.startSpan(`POST ${route}`, options, context);
      if (span.isRecording()) {
        span.setAttributes({
          'http.request.method': 'POST',
          'http.route': route,
          'url.scheme': 'http',
          'url.path': (message.url ?? '').replace(/[?#].*$/s, ''),
        });
      }
      const own = span.isRecording()
        ? new RecordedRequest(recording, span, trace.setSpan(context, span), offsetMs, startMs)
        : new UnrecordedRequest(span.spanContext());
      keepSpan(message, own);
      return own;
    },
  };
}
