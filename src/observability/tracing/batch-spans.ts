/**
 * The span of a batch that holds parts of recorded requests: the root of a trace of its own, since a batch has several
 * callers. It is linked with the draws of its recorded requests, and each of them with it.
 */
import { type Attributes, ROOT_CONTEXT, type Tracer } from '@opentelemetry/api';
import type { Part } from '../../sampler/job.js';
import type { DrawnBatch } from '../../sampler/observer.js';
import { RecordedRequest } from './recorded-request.js';
import { type SpanClock, spanTime } from './span-clock.js';

export function recordBatch(batch: DrawnBatch, tracer: Tracer, clock: SpanClock): void {
  if (!batch.parts.some(isRecorded)) return;
  const recorded = batch.parts.filter(isRecorded);
  const offsetMs = clock.offsetMs();
  const startTime = spanTime(offsetMs + batch.startMs);
  const attributes = attributesOf(batch);
  const span = tracer.startSpan('batch', { startTime, attributes }, ROOT_CONTEXT);
  const links = [{ context: span.spanContext() }];
  for (const part of recorded) {
    const draw = (part.trace as RecordedRequest).drawnIn(batch, part, links, attributes);
    span.addLink({ context: draw.spanContext() });
  }
  span.end(spanTime(offsetMs + batch.endMs));
}

function isRecorded({ trace }: Part): boolean {
  return trace instanceof RecordedRequest && !trace.isOver;
}

function attributesOf({ kind, requests, rows, elements, provider, place }: DrawnBatch): Attributes {
  return {
    'gumbel.kind': kind,
    'gumbel.batch.requests': requests,
    'gumbel.batch.rows': rows,
    'gumbel.batch.elements': elements,
    'gumbel.provider': provider,
    'gumbel.thread': place,
  };
}
