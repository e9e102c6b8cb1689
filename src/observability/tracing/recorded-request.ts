/**
 * The spans of one recorded request, made by hand with times and parents of their own: following the request through
 * promises and callbacks by AsyncLocalStorage would cost every request, recorded or not (docs/design.md).
 */
import {
  type Attributes,
  type Context,
  type Link,
  type Span,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { type Problem, problemKind } from '../../errors.js';
import type { KnownRequest } from '../../http/observer.js';
import type { RequestSpan } from '../../http/request-span.js';
import type { RequestTrace } from '../../routes/request-trace.js';
import { isNoisy, type Job, type Part } from '../../sampler/job.js';
import type { DrawnBatch } from '../../sampler/observer.js';
import { clientClosedRequest } from '../metrics.js';
import { spanTime } from './span-clock.js';

type Stage = 'parse' | 'queue' | 'print';

export class RecordedRequest implements RequestSpan, RequestTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly serverTiming: string;
  readonly #tracer: Tracer;
  readonly #span: Span;
  readonly #context: Context;
  readonly #offsetMs: number;
  /** The stage that has begun and not ended, and since when. */
  #stage: Stage | undefined = 'parse';
  #sinceMs: number;
  /** Parts that have left the queue and have not been drawn, and when the last one left it. */
  #undrawn = 0;
  #begunAtMs = 0;
  #problem: Problem | undefined;
  #over = false;

  /** @param context holds the span */
  constructor(tracer: Tracer, span: Span, context: Context, offsetMs: number, startMs: number) {
    const ids = span.spanContext();
    this.traceId = ids.traceId;
    this.spanId = ids.spanId;
    this.serverTiming = `traceparent;desc="00-${ids.traceId}-${ids.spanId}-01"`;
    this.#tracer = tracer;
    this.#span = span;
    this.#context = context;
    this.#offsetMs = offsetMs;
    this.#sinceMs = startMs;
  }

  /** Whether the request has failed or ended. Its draw may go on, for nobody. */
  get isOver(): boolean {
    return this.#over || this.#problem !== undefined;
  }

  parsed(job: Job): void {
    this.#endStage(performance.now());
    this.#span.setAttributes(attributesOf(job, job.rows, job.samples));
    this.#span.setAttribute('gumbel.outputs', [...job.outputs]);
  }

  queued(atMs: number): void {
    this.#beginStage('queue', atMs);
  }

  begun(atMs: number): void {
    if (this.#stage === 'queue') this.#endStage(atMs);
    this.#undrawn += 1;
    this.#begunAtMs = atMs;
  }

  /** A part was drawn in a batch. @returns its span, to link the batch with */
  drawnIn(batch: DrawnBatch, { job, rowCount, sampleCount }: Part, links: Link[], batchAttributes: Attributes): Span {
    const { startMs, endMs, noiseMs, graphMs } = batch;
    this.#undrawn -= 1;
    const attributes = { ...attributesOf(job, rowCount, sampleCount), ...batchAttributes };
    const span = this.#start('draw', startMs, this.#context, attributes, links);
    const context = trace.setSpan(this.#context, span);
    // The worker says how long it took, not when it began. It answers when it is done.
    const noiseAtMs = Math.max(startMs, endMs - noiseMs - graphMs);
    const graphAtMs = Math.min(noiseAtMs + noiseMs, endMs);
    if (isNoisy(job.kind)) this.#end(this.#start('noise', noiseAtMs, context), graphAtMs);
    if (graphMs > 0) this.#end(this.#start('graph', graphAtMs, context), Math.min(graphAtMs + graphMs, endMs));
    this.#end(span, endMs);
    return span;
  }

  drawn(): void {
    this.#beginStage('print', performance.now());
  }

  printed(): void {
    this.#endStage(performance.now());
  }

  refused(problem: Problem): void {
    this.#problem = problem;
    this.#fail(problem.code);
  }

  ended({ id, key }: KnownRequest, status: number): void {
    if (this.#over) return;
    this.#over = true;
    const hasLeft = status === clientClosedRequest;
    // Of a problem on the raw socket, only the end of the connection is told.
    const sent = hasLeft && this.#problem ? problemKind(this.#problem.code).status : status;
    const error = this.#problem?.code ?? (hasLeft || status >= 500 ? String(status) : undefined);
    this.#fail(String(status));
    this.#span.setAttribute('http.response.status_code', sent);
    this.#span.setAttribute('gumbel.request_id', id);
    if (key !== undefined) this.#span.setAttribute('gumbel.key', key);
    if (error !== undefined) this.#span.setAttribute('error.type', error);
    if (sent >= 500) this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.#end(this.#span, performance.now());
  }

  #beginStage(stage: Stage, atMs: number): void {
    this.#stage = stage;
    this.#sinceMs = atMs;
  }

  /** Ends the stage that has begun, if there is one. */
  #endStage(atMs: number, error?: string): void {
    if (this.#stage === undefined) return;
    this.#end(this.#start(this.#stage, this.#sinceMs, this.#context), atMs, error);
    this.#stage = undefined;
  }

  /** Ends what has begun: it came to nothing. */
  #fail(error: string): void {
    const nowMs = performance.now();
    if (this.#stage === undefined && this.#undrawn > 0) {
      this.#end(this.#start('draw', this.#begunAtMs, this.#context), nowMs, error);
    }
    this.#undrawn = 0;
    this.#endStage(nowMs, error);
  }

  #start(name: string, startMs: number, context: Context, attributes: Attributes = {}, links: Link[] = []): Span {
    const startTime = spanTime(this.#offsetMs + startMs);
    return this.#tracer.startSpan(name, { startTime, attributes, links }, context);
  }

  #end(span: Span, endMs: number, error?: string): void {
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', error);
    span.end(spanTime(this.#offsetMs + endMs));
  }
}

/** What was asked for, or a part of it. */
function attributesOf({ kind, categories }: Job, rows: number, samples: number): Attributes {
  return {
    'gumbel.kind': kind,
    'gumbel.rows': rows,
    'gumbel.samples': samples,
    'gumbel.categories': categories,
    'gumbel.elements': rows * samples * categories,
  };
}
