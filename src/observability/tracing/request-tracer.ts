/** Starts the span of each request that is recorded, as a child of the caller's span if there is one. */
import { type Context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { type Sampler, SamplingDecision } from '@opentelemetry/sdk-trace';
import { keepSpan } from '../../http/request-span.js';
import { type TraceParent, traceParentOf } from '../../http/trace-context.js';
import type { RouteTracer } from '../../routes/request-trace.js';
import { RecordedRequest } from './recorded-request.js';
import { RootSampling } from './root-sampling.js';
import type { SpanRecorder } from './span.js';

type Message = Parameters<RouteTracer['start']>[0];

/** The flag of a traceparent that says that the caller records the trace. */
const sampledFlag = 1;

/**
 * @param asParent whether a request with a caller's span is recorded only if that is
 */
export function requestTracer(sampler: Sampler, asParent: boolean, recorder: SpanRecorder): RouteTracer {
  const roots = new RootSampling(sampler, recorder.ids);
  const record = (message: Message, route: string, traceId: string, parent?: TraceParent) => {
    const { tracestate } = message.headers;
    const traceState = parent && typeof tracestate === 'string' ? tracestate : undefined;
    const request = new RecordedRequest(recorder, { traceId, parentSpanId: parent?.spanId, traceState }, route, {
      'http.request.method': 'POST',
      'http.route': route,
      'url.scheme': 'http',
      'url.path': (message.url ?? '').replace(/[?#].*$/s, ''),
    });
    keepSpan(message, request);
    return request;
  };
  return {
    start: (message, route) => {
      const parent = traceParentOf(message);
      if (parent === undefined) {
        const traceId = roots.next();
        return traceId === undefined ? undefined : record(message, route, traceId);
      }
      // The sampler would say the same, but takes longer.
      if (asParent && (parent.flags & sampledFlag) === 0) return undefined;
      const { traceId } = parent;
      const { decision } = sampler.shouldSample(contextOf(parent), traceId, route, SpanKind.SERVER, {}, []);
      return decision === SamplingDecision.NOT_RECORD ? undefined : record(message, route, traceId, parent);
    },
  };
}

/** The context of the caller's span, by which a sampler may decide. */
function contextOf({ traceId, spanId, flags }: TraceParent): Context {
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: flags, isRemote: true });
}
