/** Starts the span of each request that is recorded, as a child of the caller's span if there is one. */
import { type Context, createTraceState, ROOT_CONTEXT, SpanKind, type Tracer, trace } from '@opentelemetry/api';
import { type Sampler, SamplingDecision } from '@opentelemetry/sdk-trace';
import { keepSpan } from '../../http/request-span.js';
import { type TraceParent, traceParentOf } from '../../http/trace-context.js';
import type { RouteTracer } from '../../routes/request-trace.js';
import { RecordedRequest } from './recorded-request.js';
import { RootSampling } from './root-sampling.js';
import { type SpanClock, spanTime } from './span-clock.js';
import type { SpanIds } from './span-ids.js';

type Message = Parameters<RouteTracer['start']>[0];

/** The flag of a traceparent that says that the caller records the trace. */
const sampledFlag = 1;

/**
 * The sampler is asked here and not by the SDK, which makes a span before it asks. Most requests are not recorded.
 *
 * @param asParent whether a request with a caller's span is recorded only if that is
 * @param tracer records every span, and takes its ids from `ids`
 */
export function requestTracer(
  sampler: Sampler,
  asParent: boolean,
  tracer: Tracer,
  ids: SpanIds,
  clock: SpanClock,
): RouteTracer {
  const roots = new RootSampling(sampler, ids);
  const record = (message: Message, route: string, context: Context) => {
    const startMs = performance.now();
    const offsetMs = clock.offsetMs();
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
  };
  return {
    start: (message, route) => {
      const parent = traceParentOf(message);
      if (parent === undefined) {
        const traceId = roots.next();
        if (traceId === undefined) return undefined;
        ids.choose(traceId);
        return record(message, route, ROOT_CONTEXT);
      }
      // The sampler would say the same, but takes longer.
      if (asParent && (parent.flags & sampledFlag) === 0) return undefined;
      const context = contextOf(parent, message.headers.tracestate);
      const { decision } = sampler.shouldSample(context, parent.traceId, route, SpanKind.SERVER, {}, []);
      return decision === SamplingDecision.NOT_RECORD ? undefined : record(message, route, context);
    },
  };
}

/** The context of the caller's span, by which a sampler may decide. */
function contextOf(parent: TraceParent, traceState: string | string[] | undefined): Context {
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: parent.traceId,
    spanId: parent.spanId,
    traceFlags: parent.flags,
    isRemote: true,
    ...(typeof traceState === 'string' && { traceState: createTraceState(traceState) }),
  });
}
