/** Starts the span of each request that is recorded, as a child of the caller's span if there is one. */
import { type Context, createTraceState, ROOT_CONTEXT, SpanKind, type Tracer, trace } from '@opentelemetry/api';
import { type Sampler, SamplingDecision } from '@opentelemetry/sdk-trace';
import { keepSpan } from '../../http/request-span.js';
import { type TraceParent, traceParentOf } from '../../http/trace-context.js';
import type { RouteTracer } from '../../routes/request-trace.js';
import { RecordedRequest } from './recorded-request.js';
import { type SpanClock, spanTime } from './span-clock.js';
import type { SpanIds } from './span-ids.js';

/**
 * The sampler is asked here and not by the SDK, which makes a span before it asks. Most requests are not recorded.
 *
 * @param tracer records every span, and takes its ids from `ids`
 */
export function requestTracer(sampler: Sampler, tracer: Tracer, ids: SpanIds, clock: SpanClock): RouteTracer {
  return {
    start: (message, route) => {
      const parent = traceParentOf(message);
      const traceId = parent?.traceId ?? ids.generateTraceId();
      const context = contextOf(parent, message.headers.tracestate);
      const { decision } = sampler.shouldSample(context, traceId, route, SpanKind.SERVER, {}, []);
      if (decision === SamplingDecision.NOT_RECORD) return undefined;
      const startMs = performance.now();
      const offsetMs = clock.offsetMs();
      if (!parent) ids.choose(traceId);
      const options = { kind: SpanKind.SERVER, startTime: spanTime(offsetMs + startMs) };
      const span = tracer.startSpan(`POST ${route}`, options, context);
      span.setAttributes({
        'http.request.method': 'POST',
        'http.route': route,
        'url.scheme': 'http',
        'url.path': (message.url ?? '').replace(/[?#].*$/s, ''),
      });
      const own = new RecordedRequest(tracer, span, trace.setSpan(context, span), offsetMs, startMs);
      keepSpan(message, own);
      return own;
    },
  };
}

/** The context of the caller's span, by which a sampler may decide. */
function contextOf(parent: TraceParent | undefined, traceState: string | string[] | undefined): Context {
  if (!parent) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: parent.traceId,
    spanId: parent.spanId,
    traceFlags: parent.flags,
    isRemote: true,
    ...(typeof traceState === 'string' && { traceState: createTraceState(traceState) }),
  });
}
