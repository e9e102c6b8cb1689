/**
 * Tracing, exported over OTLP. service.ts loads this file only while tracing is on. OpenTelemetry's packages are loaded
 * by the thread that exports, and by no other.
 */
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { HttpObserver } from '../../http/observer.js';
import { spanOf } from '../../http/request-span.js';
import type { RouteTracer } from '../../routes/request-trace.js';
import type { SamplerObserver } from '../../sampler/observer.js';
import type { TracingConfig } from '../../tracing-options.js';
import { clientClosedRequest } from '../metrics.js';
import { recordBatch } from './batch-spans.js';
import { ExportThread } from './export/export-thread.js';
import { SpanExport } from './export/span-export.js';
import { type SpanCounts, SpanLosses } from './export/span-losses.js';
import { HeadSampling } from './head-sampling.js';
import { requestTracer } from './request-tracer.js';
import type { SpanRecorder } from './span.js';
import { SpanClock } from './span-clock.js';
import { SpanIds } from './span-ids.js';

export interface TracingParts {
  readonly logger: Logger;
  readonly counts: SpanCounts;
  /** Version of this build. */
  readonly version: string;
  /** Number of this process; undefined if the service has only one. */
  readonly process: number | undefined;
}

export interface Tracing {
  readonly tracer: RouteTracer;
  /** Tells spans, too, what `observer` is told. */
  readonly observingRequests: (observer: HttpObserver) => HttpObserver;
  readonly observingDraws: (observer: SamplerObserver) => SamplerObserver;
  /** Exports the last spans, for at most so long. */
  readonly close: (msMax: number) => Promise<void>;
}

export function openTracing(config: TracingConfig, parts: TracingParts): Tracing {
  const { version, logger, counts } = parts;
  const { url, queueSpansMax, exportSpansMax, scheduleDelayMs } = config;
  const spans = new SpanExport({
    exporter: new ExportThread({ config, resource: resourceOf(config, parts), version }),
    losses: new SpanLosses(logger, counts, url, () => performance.now()),
    queueSpansMax,
    exportSpansMax,
    scheduleDelayMs,
  });
  const clock = new SpanClock(
    () => performance.now(),
    () => Date.now(),
  );
  const ids = new SpanIds();
  const recorder: SpanRecorder = { ids, clock, record: (span) => spans.add(span) };
  const sampling = new HeadSampling(ratioOf(config), ids);
  return {
    tracer: requestTracer(sampling, config.sampler.startsWith('parentbased_'), recorder),
    observingRequests,
    observingDraws: (observer) => ({
      ...observer,
      drawn: (batch) => {
        observer.drawn(batch);
        recordBatch(batch, recorder);
      },
    }),
    close: (msMax) => spans.close(msMax),
  };
}

function observingRequests(observer: HttpObserver): HttpObserver {
  return {
    ...observer,
    refused: (problem, request, cause) => {
      observer.refused(problem, request, cause);
      request.span?.refused(problem);
    },
    unread: (problem, message) => {
      observer.unread(problem, message);
      if (message) spanOf(message)?.refused(problem);
    },
    answered: (request, status, durationMs) => {
      observer.answered(request, status, durationMs);
      request.endSpan(status);
    },
    left: (request) => {
      observer.left(request);
      request.endSpan(clientClosedRequest);
    },
  };
}

function resourceOf(
  { serviceName, resourceAttributes }: TracingConfig,
  { version, process }: TracingParts,
): Readonly<Record<string, string | number>> {
  const instance = resourceAttributes['service.instance.id'] ?? hostname();
  return {
    'service.version': version,
    ...resourceAttributes,
    'service.name': serviceName,
    'service.instance.id': process === undefined ? instance : `${instance}-${process}`,
    ...(process !== undefined && { 'gumbel.process': process }),
  };
}

/** The share of traces that is recorded of those that begin here, or of all if the sampler asks no parent. */
function ratioOf({ sampler, ratio }: TracingConfig): number {
  switch (sampler) {
    case 'always_on':
    case 'parentbased_always_on':
      return 1;
    case 'always_off':
    case 'parentbased_always_off':
      return 0;
    case 'traceidratio':
    case 'parentbased_traceidratio':
      return ratio;
  }
}
