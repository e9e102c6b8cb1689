/**
 * Tracing by OpenTelemetry, exported over OTLP. Nothing outside of this folder imports its packages, and service.ts
 * loads this file only while tracing is on.
 */
import { hostname } from 'node:os';
import { defaultResource, type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import type { HttpObserver } from '../../http/observer.js';
import { spanOf } from '../../http/request-span.js';
import type { RouteTracer } from '../../routes/request-trace.js';
import type { SamplerObserver } from '../../sampler/observer.js';
import type { TracingConfig } from '../../tracing-options.js';
import { clientClosedRequest } from '../metrics.js';
import { recordBatch } from './batch-spans.js';
import { requestTracer } from './request-tracer.js';
import { SpanClock } from './span-clock.js';
import { SpanExport } from './span-export.js';
import { SpanIds } from './span-ids.js';
import { type SpanCounts, SpanLosses } from './span-losses.js';

/** Requests of a batch that its span is linked with: as many as may wait by default. */
const linksMax = 1024;

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

export async function openTracing(config: TracingConfig, parts: TracingParts): Promise<Tracing> {
  const losses = new SpanLosses(parts.logger, parts.counts, config.url, () => performance.now());
  const spans = new SpanExport({
    exporter: await openExporter(config),
    losses,
    queueSpansMax: config.queueSpansMax,
    gather: (exporter) =>
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: config.queueSpansMax,
        maxExportBatchSize: config.exportSpansMax,
        scheduledDelayMillis: config.scheduleDelayMs,
        exportTimeoutMillis: config.exportTimeoutMs,
      }),
  });
  const resource = resourceOf(config, parts);
  const ids = new SpanIds();
  // The sampler is asked about a request, and so about all of its spans. A batch is recorded for its requests.
  const tracer = new TracerProvider({
    resource,
    sampler: new AlwaysOnSampler(),
    idGenerator: ids,
    spanProcessors: [spans],
    spanLimits: { linkCountLimit: linksMax },
  }).getTracer('gumbel-sampler', parts.version);
  const clock = new SpanClock(
    () => performance.now(),
    () => Date.now(),
  );
  return {
    tracer: requestTracer(samplerOf(config), config.sampler.startsWith('parentbased_'), tracer, ids, clock),
    observingRequests,
    observingDraws: (observer) => ({
      ...observer,
      drawn: (batch) => {
        observer.drawn(batch);
        recordBatch(batch, tracer, clock);
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
      request.span?.ended(request, status);
    },
    left: (request) => {
      observer.left(request);
      request.span?.ended(request, clientClosedRequest);
    },
  };
}

async function openExporter(config: TracingConfig): Promise<SpanExporter> {
  const { url, headers, timeoutMs, compression, queueSpansMax, exportSpansMax } = config;
  const { OTLPTraceExporter } =
    config.protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  // A stop exports the whole queue at once, behind an export that is in flight.
  const concurrencyLimit = Math.ceil(queueSpansMax / exportSpansMax) + 1;
  return new OTLPTraceExporter({
    url,
    headers: { ...headers },
    timeoutMillis: timeoutMs,
    compression: compression as never,
    concurrencyLimit,
  });
}

function resourceOf({ serviceName, resourceAttributes }: TracingConfig, { version, process }: TracingParts): Resource {
  const instance = resourceAttributes['service.instance.id'] ?? hostname();
  const own = {
    'service.version': version,
    ...resourceAttributes,
    'service.name': serviceName,
    'service.instance.id': process === undefined ? instance : `${instance}-${process}`,
    ...(process !== undefined && { 'gumbel.process': process }),
  };
  return defaultResource().merge(resourceFromAttributes(own));
}

function samplerOf({ sampler, ratio }: TracingConfig): Sampler {
  switch (sampler) {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratio);
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) });
  }
}
