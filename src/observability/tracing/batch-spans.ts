/**
 * The span of a batch that holds parts of recorded requests: the root of a trace of its own, since a batch has several
 * callers. It is linked with the draws of its recorded requests, and each of them with it.
 */
import type { Part } from '../../sampler/job.js';
import type { DrawnBatch } from '../../sampler/observer.js';
import { batchAttributes, RecordedRequest } from './recorded-request.js';
import type { SpanRecorder } from './span.js';

/** Draws that the span of a batch is linked with: as many as may wait by default. */
const linksMax = 1024;

export function recordBatch(batch: DrawnBatch, { ids, clock, record }: SpanRecorder): void {
  if (!hasRecorded(batch)) return;
  const traceId = ids.traceId();
  const spanId = ids.spanId();
  const link = { traceId, spanId };
  const draws = batch.parts
    .filter(isRecorded)
    .map((part) => (part.trace as RecordedRequest).drawnIn(batch, part, link));
  const offsetMs = clock.offsetMs();
  record({
    traceId,
    spanId,
    name: 'batch',
    kind: 'internal',
    parentSpanId: undefined,
    parentIsRemote: false,
    traceState: undefined,
    startMs: offsetMs + batch.startMs,
    endMs: offsetMs + batch.endMs,
    attributes: batchAttributes(batch),
    links: draws.slice(0, linksMax),
    linksDropped: Math.max(0, draws.length - linksMax),
    isError: false,
  });
}

/** Each batch is asked, and most have none. */
function hasRecorded({ parts }: DrawnBatch): boolean {
  for (const part of parts) if (part.trace !== undefined && isRecorded(part)) return true;
  return false;
}

function isRecorded({ trace }: Part): boolean {
  return trace instanceof RecordedRequest && !trace.isOver;
}
