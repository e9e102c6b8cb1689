/** Starts the span of each request that is recorded, as a child of the caller's span if there is one. */
import { keepSpan } from '../../http/request-span.js';
import { traceParentOf } from '../../http/trace-context.js';
import type { RouteTracer } from '../../routes/request-trace.js';
import type { HeadSampling } from './head-sampling.js';
import { RecordedRequest } from './recorded-request.js';
import type { SpanRecorder } from './span.js';

/** The flag of a traceparent that says that the caller records the trace. */
const sampledFlag = 1;

/** @param asParent whether a request with a caller's span is recorded if that is, whatever `sampling` says */
export function requestTracer(sampling: HeadSampling, asParent: boolean, recorder: SpanRecorder): RouteTracer {
  return {
    start: (message, route) => {
      const parent = traceParentOf(message);
      let traceId: string | undefined;
      if (parent === undefined) traceId = sampling.begin();
      else if (asParent ? (parent.flags & sampledFlag) === 1 : sampling.records(parent.traceId))
        traceId = parent.traceId;
      if (traceId === undefined) return undefined;
      const { tracestate } = message.headers;
      const traceState = parent && typeof tracestate === 'string' ? tracestate : undefined;
      const path = (message.url ?? '').replace(/[?#].*$/s, '');
      const request = new RecordedRequest(recorder, { traceId, parentSpanId: parent?.spanId, traceState }, route, path);
      keepSpan(message, request);
      return request;
    },
  };
}
