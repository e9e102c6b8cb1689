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

const noAttributes: Readonly<Attributes> = {};
const noLinks: readonly TraceIds[] = [];

/** What a request asks for. Not its job, whose inputs are much larger and may be gone before the request is. */
interface Asked {
  readonly kind: Job['kind'];
  readonly rows: number;
  readonly samples: number;
  readonly categories: number;
  readonly outputs: readonly string[];
}

export class RecordedRequest implements RequestSpan, RequestTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly serverTiming: string;
  readonly #recorder: SpanRecorder;
  readonly #origin: Origin;
  readonly #route: string;
  readonly #path: string;
  readonly #offsetMs: number;
  readonly #startMs: number;
  #asked: Asked | undefined;
  /** The stage that has begun and not ended, and since when. */
  #stage: Stage | undefined = 'parse';
  #sinceMs: number;
  /** Parts that have left the queue and have not been drawn, and when the last one left it. */
  #undrawn = 0;
  #begunAtMs = 0;
  #problem: Problem | undefined;
  #over = false;

  /** The request has begun. @param path of its URL, without the query */
  constructor(recorder: SpanRecorder, origin: Origin, route: string, path: string) {
    this.traceId = origin.traceId;
    this.spanId = recorder.ids.spanId();
    this.serverTiming = `traceparent;desc="00-${this.traceId}-${this.spanId}-01"`;
    this.#recorder = recorder;
    this.#origin = origin;
    this.#route = route;
    this.#path = path;
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
    const { kind, rows, samples, categories, outputs } = job;
    this.#asked = { kind, rows, samples, categories, outputs: [...outputs] };
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
  drawnIn(batch: DrawnBatch, part: Part, batchIds: TraceIds): TraceIds {
    const { job, rowCount, sampleCount } = part;
    const { startMs, endMs, noiseMs, graphMs } = batch;
    this.#undrawn -= 1;
    const attributes = batchAttributes(batch);
    addAsked(attributes, job, rowCount, sampleCount);
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
    this.#over = true;
    const hasLeft = status === clientClosedRequest;
    // Of a problem on the raw socket, only the end of the connection is told.
    const sent = hasLeft && this.#problem ? problemKind(this.#problem.code).status : status;
    const error = this.#problem?.code ?? (hasLeft || status >= 500 ? String(status) : undefined);
    this.#fail(String(status));
    const attributes: Attributes = {
      'http.request.method': 'POST',
      'http.route': this.#route,
      'url.scheme': 'http',
      'url.path': this.#path,
      'http.response.status_code': sent,
      'gumbel.request_id': id,
    };
    if (this.#asked !== undefined) {
      addAsked(attributes, this.#asked, this.#asked.rows, this.#asked.samples);
      attributes['gumbel.outputs'] = this.#asked.outputs;
    }
    if (key !== undefined) attributes['gumbel.key'] = key;
    if (error !== undefined) attributes['error.type'] = error;
    const { traceState, parentSpanId } = this.#origin;
    this.#recorder.record({
      traceId: this.traceId,
      spanId: this.spanId,
      name: `POST ${this.#route}`,
      kind: 'server',
      parentSpanId,
      parentIsRemote: parentSpanId !== undefined,
      traceState,
      startMs: this.#offsetMs + this.#startMs,
      endMs: this.#offsetMs + performance.now(),
      attributes,
      links: noLinks,
      linksDropped: 0,
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
    this.#record(this.#stage, this.#sinceMs, atMs, { error });
    this.#stage = undefined;
  }

  /** Ends what has begun: it came to nothing. */
  #fail(error: string): void {
    const nowMs = performance.now();
    if (this.#stage === undefined && this.#undrawn > 0) this.#record('draw', this.#begunAtMs, nowMs, { error });
    this.#undrawn = 0;
    this.#endStage(nowMs, error);
  }

  /**
   * A step of the request has ended. Its span is written out: a spread among its properties would take longer than all
   * else (docs/benchmarks.md, Behind the decisions).
   *
   * @returns the id of its span
   */
  #record(name: string, startMs: number, endMs: number, step: Step): string {
    const { parentSpanId = this.spanId, links = noLinks, error } = step;
    const spanId = this.#recorder.ids.spanId();
    this.#recorder.record({
      traceId: this.traceId,
      spanId,
      name,
      kind: 'internal',
      parentSpanId,
      parentIsRemote: false,
      traceState: this.#origin.traceState,
      startMs: this.#offsetMs + startMs,
      endMs: this.#offsetMs + endMs,
      attributes: error === undefined ? (step.attributes ?? noAttributes) : { 'error.type': error },
      links,
      linksDropped: 0,
      isError: error !== undefined,
    });
    return spanId;
  }
}

interface Step {
  /** By default that of the request. */
  readonly parentSpanId?: string;
  readonly attributes?: Attributes;
  readonly links?: readonly TraceIds[];
  /** Why it came to nothing. */
  readonly error?: string | undefined;
}

/** What was asked for, or a part of it. */
function addAsked(
  attributes: Attributes,
  { kind, categories }: Pick<Asked, 'kind' | 'categories'>,
  rows: number,
  samples: number,
): void {
  attributes['gumbel.kind'] = kind;
  attributes['gumbel.rows'] = rows;
  attributes['gumbel.samples'] = samples;
  attributes['gumbel.categories'] = categories;
  attributes['gumbel.elements'] = rows * samples * categories;
}

export function batchAttributes({ kind, requests, rows, elements, provider, place }: DrawnBatch): Attributes {
  return {
    'gumbel.kind': kind,
    'gumbel.batch.requests': requests,
    'gumbel.batch.rows': rows,
    'gumbel.batch.elements': elements,
    'gumbel.provider': provider,
    'gumbel.thread': place,
  };
}
