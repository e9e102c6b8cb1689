/**
 * The spans of one recorded request, made by hand with times and parents of their own: following the request through
 * promises and callbacks by AsyncLocalStorage would cost every request, recorded or not (docs/design.md).
 */
import { type Problem, problemKind } from '../../errors.js';
import type { KnownRequest } from '../../http/observer.js';
import type { RequestSpan } from '../../http/request-span.js';
import type { TraceIds } from '../../http/trace-context.js';
import type { RequestTrace } from '../../routes/request-trace.js';
import { isNoisy, type Job, type Part } from '../../sampler/job.js';
import type { DrawnBatch } from '../../sampler/observer.js';
import { clientClosedRequest } from '../metrics.js';
import type { Attributes, EndedSpan, SpanRecorder } from './span.js';

type Stage = 'parse' | 'queue' | 'print';

/** Where the request belongs. */
type Origin = Pick<EndedSpan, 'traceId' | 'parentSpanId' | 'traceState'>;

export class RecordedRequest implements RequestSpan, RequestTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly serverTiming: string;
  readonly #recorder: SpanRecorder;
  readonly #origin: Origin;
  readonly #route: string;
  readonly #attributes: Attributes;
  readonly #offsetMs: number;
  readonly #startMs: number;
  /** The stage that has begun and not ended, and since when. */
  #stage: Stage | undefined = 'parse';
  #sinceMs: number;
  /** Parts that have left the queue and have not been drawn, and when the last one left it. */
  #undrawn = 0;
  #begunAtMs = 0;
  #problem: Problem | undefined;
  #over = false;

  /** The request has begun. @param attributes of its span, which adds its own */
  constructor(recorder: SpanRecorder, origin: Origin, route: string, attributes: Attributes) {
    this.traceId = origin.traceId;
    this.spanId = recorder.ids.spanId();
    this.serverTiming = `traceparent;desc="00-${this.traceId}-${this.spanId}-01"`;
    this.#recorder = recorder;
    this.#origin = origin;
    this.#route = route;
    this.#attributes = attributes;
    this.#offsetMs = recorder.clock.offsetMs();
    this.#startMs = performance.now();
    this.#sinceMs = this.#startMs;
  }

  /** Whether the request has failed or ended. Its draw may go on, for nobody. */
  get isOver(): boolean {
    return this.#over || this.#problem !== undefined;
  }

  parsed(job: Job): void {
    this.#endStage(performance.now());
    Object.assign(this.#attributes, attributesOf(job, job.rows, job.samples));
    this.#attributes['gumbel.outputs'] = [...job.outputs];
  }

  queued(atMs: number): void {
    this.#beginStage('queue', atMs);
  }

  begun(atMs: number): void {
    if (this.#stage === 'queue') this.#endStage(atMs);
    this.#undrawn += 1;
    this.#begunAtMs = atMs;
  }

  /** A part was drawn in `batch`, whose span is `batchIds`. @returns the span of the part, to link the batch with */
  drawnIn(batch: DrawnBatch, part: Part, batchIds: TraceIds, batchAttributes: Attributes): TraceIds {
    const { job, rowCount, sampleCount } = part;
    const { startMs, endMs, noiseMs, graphMs } = batch;
    this.#undrawn -= 1;
    const attributes = { ...attributesOf(job, rowCount, sampleCount), ...batchAttributes };
    const spanId = this.#record('draw', startMs, endMs, { attributes, links: [batchIds] });
    // The worker says how long it took, not when it began. It answers when it is done.
    const noiseAtMs = Math.max(startMs, endMs - noiseMs - graphMs);
    const graphAtMs = Math.min(noiseAtMs + noiseMs, endMs);
    if (isNoisy(job.kind)) this.#record('noise', noiseAtMs, graphAtMs, { parentSpanId: spanId });
    if (graphMs > 0) this.#record('graph', graphAtMs, Math.min(graphAtMs + graphMs, endMs), { parentSpanId: spanId });
    return { traceId: this.traceId, spanId };
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
    const attributes = this.#attributes;
    attributes['http.response.status_code'] = sent;
    attributes['gumbel.request_id'] = id;
    if (key !== undefined) attributes['gumbel.key'] = key;
    if (error !== undefined) attributes['error.type'] = error;
    this.#record(`POST ${this.#route}`, this.#startMs, performance.now(), {
      kind: 'server',
      spanId: this.spanId,
      parentSpanId: this.#origin.parentSpanId,
      parentIsRemote: this.#origin.parentSpanId !== undefined,
      attributes,
      isError: sent >= 500,
    });
  }

  #beginStage(stage: Stage, atMs: number): void {
    this.#stage = stage;
    this.#sinceMs = atMs;
  }

  /** Ends the stage that has begun, if there is one. */
  #endStage(atMs: number, error?: string): void {
    if (this.#stage === undefined) return;
    this.#record(this.#stage, this.#sinceMs, atMs, failedBy(error));
    this.#stage = undefined;
  }

  /** Ends what has begun: it came to nothing. */
  #fail(error: string): void {
    const nowMs = performance.now();
    if (this.#stage === undefined && this.#undrawn > 0) {
      this.#record('draw', this.#begunAtMs, nowMs, failedBy(error));
    }
    this.#undrawn = 0;
    this.#endStage(nowMs, error);
  }

  /**
   * A span of the request has ended: unless `more` says otherwise, a step of the request.
   *
   * @returns its id
   */
  #record(name: string, startMs: number, endMs: number, more: Partial<EndedSpan>): string {
    const span: EndedSpan = {
      traceId: this.traceId,
      spanId: this.#recorder.ids.spanId(),
      name,
      kind: 'internal',
      parentSpanId: this.spanId,
      parentIsRemote: false,
      traceState: this.#origin.traceState,
      startMs: this.#offsetMs + startMs,
      endMs: this.#offsetMs + endMs,
      attributes: {},
      links: [],
      linksDropped: 0,
      isError: false,
      ...more,
    };
    this.#recorder.record(span);
    return span.spanId;
  }
}

function failedBy(error: string | undefined): Partial<EndedSpan> {
  return error === undefined ? {} : { attributes: { 'error.type': error }, isError: true };
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
