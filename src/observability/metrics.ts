/**
 * The metrics of the service for Prometheus. Each app has its own registry, so that two apps in one process do not mix.
 * Names begin with `gumbel_`; units are seconds, elements and lines; process metrics keep prom-client's names. Requests
 * cannot add label values: labels are registered route patterns, HTTP methods, codes of the catalogue, and names in the
 * key file. docs/observability.md explains each metric and its alerts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { catalogue, type ProblemCode, problemKind } from '../errors.js';
import { isNoisy } from '../sampler/job.js';
import type { DrawnBatch, SamplerObserver } from '../sampler/observer.js';
import type { SamplerLoad } from '../sampler/sampler.js';
import { PacedGeneration } from './paced-generation.js';

/** An answered request. */
export interface AnsweredRequest {
  /** Undefined if Node could not parse the request. */
  readonly method: string | undefined;
  /** The pattern of its route; undefined if none matched. */
  readonly route: string | undefined;
  readonly status: number;
  /** From its headers to the last byte of the reply; undefined if it was answered before Fastify's hooks. */
  readonly durationMs: number | undefined;
}

/** Every metric of a registry with its values, as one process tells another. */
export type MetricList = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

export interface BuildInfo {
  readonly version: string;
  readonly noiseVersion: string;
  readonly provider: string;
  readonly device: string;
}

/**
 * Codes of well-formed requests that the service refuses: overload, deadline, start. `worker-lost` is a failure and no
 * refusal; only probes reply `draining`.
 */
export const shedReasons: ReadonlySet<ProblemCode> = new Set(
  (Object.keys(catalogue) as ProblemCode[]).filter(
    (code) => [429, 503, 504].includes(problemKind(code).status) && code !== 'worker-lost' && code !== 'draining',
  ),
);

/** nginx's status for a client that disconnected before its reply, so that such requests are counted too. */
export const clientClosedRequest = 499;

const methods: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** 1, 2.5, 5, 10, ...: quantiles from these buckets are right within a factor of 2.5, at three series a decade. */
function decades(fromExponent: number, toExponent: number): number[] {
  const buckets: number[] = [];
  for (let exponent = fromExponent; exponent < toExponent; exponent++) {
    for (const step of [1, 2.5, 5]) buckets.push(Number(`${step}e${exponent}`));
  }
  return [...buckets, Number(`1e${toExponent}`)];
}

/** Powers of 4: batch sizes span many orders of magnitude, and only their order matters. */
function powersOf4(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => 4 ** (from + index));
}

/** From the fastest request, 0.1 ms, to 10 s, the default REQUEST_TIMEOUT_MS. */
const requestSeconds = decades(-4, 1);
/** From one turn of the event loop to beyond any sensible deadline. */
const waitSeconds = decades(-4, 1);
/** From a batch of one small row to one row of a million categories. */
const workSeconds = decades(-5, 0);

export class Metrics {
  readonly #registry = new Registry();
  readonly #registers = [this.#registry];
  #load: () => SamplerLoad = () => ({ queuedUnits: 0, queuedRequests: 0, workersAlive: 0 });

  readonly #requests = new Counter({
    name: 'gumbel_http_requests_total',
    help: 'Requests answered, by method, route pattern and status; 499 if the client disconnected first.',
    labelNames: ['method', 'route', 'status'],
    registers: this.#registers,
  });
  readonly #requestSeconds = new Histogram({
    name: 'gumbel_http_request_duration_seconds',
    help: 'From the headers of a request to the last byte of its reply, by route pattern.',
    labelNames: ['route'],
    buckets: requestSeconds,
    registers: this.#registers,
  });
  readonly #errors = new Counter({
    name: 'gumbel_http_errors_total',
    help: 'Error replies by code; GET /problems/{code} explains each.',
    labelNames: ['code'],
    registers: this.#registers,
  });
  readonly #shed = new Counter({
    name: 'gumbel_requests_shed_total',
    help: 'Well-formed draws that were refused, by reason.',
    labelNames: ['reason'],
    registers: this.#registers,
  });
  readonly #waitSeconds = new Histogram({
    name: 'gumbel_queue_wait_seconds',
    help: 'How long a request waited in the queue before its first part was drawn.',
    buckets: waitSeconds,
    registers: this.#registers,
  });
  readonly #batchRequests = new Histogram({
    name: 'gumbel_batch_requests',
    help: 'Requests that shared a batch.',
    buckets: powersOf4(0, 6),
    registers: this.#registers,
  });
  readonly #batchRows = new Histogram({
    name: 'gumbel_batch_rows',
    help: 'Rows of a batch: rows of logits times samples.',
    buckets: powersOf4(0, 9),
    registers: this.#registers,
  });
  readonly #batchElements = new Histogram({
    name: 'gumbel_batch_elements',
    help: 'Elements of a batch: rows times categories.',
    buckets: powersOf4(1, 11),
    registers: this.#registers,
  });
  readonly #noiseSeconds = new Histogram({
    name: 'gumbel_noise_seconds',
    help: 'Time for the noise, perturbed logits and indices of a batch: all but the graph.',
    buckets: workSeconds,
    registers: this.#registers,
  });
  readonly #graphSeconds = new Histogram({
    name: 'gumbel_graph_seconds',
    help: 'Time inside ONNX Runtime for a batch that needs it.',
    buckets: workSeconds,
    registers: this.#registers,
  });
  readonly #serialiseSeconds = new Histogram({
    name: 'gumbel_serialise_seconds',
    help: 'Time of the HTTP thread to print the numbers of a reply.',
    buckets: workSeconds,
    registers: this.#registers,
  });
  readonly #elements = new Counter({
    name: 'gumbel_elements_drawn_total',
    help: 'Elements worked on (rows times samples times categories), by kind of work.',
    labelNames: ['kind'],
    registers: this.#registers,
  });
  readonly #keyElements = new Counter({
    name: 'gumbel_api_key_elements_total',
    help: 'Elements drawn with API keys, by the name in the key file.',
    labelNames: ['key'],
    registers: this.#registers,
  });
  readonly #workerRestarts = new Counter({
    name: 'gumbel_worker_restarts_total',
    help: 'Worker threads that were lost and replaced.',
    registers: this.#registers,
  });
  readonly #processRestarts = new Counter({
    name: 'gumbel_process_restarts_total',
    help: 'Processes that were lost and replaced.',
    registers: this.#registers,
  });
  readonly #linesDropped = new Counter({
    name: 'gumbel_log_lines_dropped_total',
    help: 'Log lines dropped because stdout stalled.',
    registers: this.#registers,
  });
  readonly #spansExported = new Counter({
    name: 'gumbel_spans_exported_total',
    help: 'Spans that the collector has taken; 0 while tracing is off.',
    registers: this.#registers,
  });
  readonly #spansDropped = new Counter({
    name: 'gumbel_spans_dropped_total',
    help: 'Spans dropped because the collector did not take them, or not fast enough.',
    registers: this.#registers,
  });
  readonly #buildInfo = new Gauge({
    name: 'gumbel_build_info',
    help: 'Always 1; the labels are the versions, the execution provider and its device.',
    labelNames: ['version', 'noise_version', 'provider', 'device'],
    aggregator: 'first',
    registers: this.#registers,
  });

  readonly #text: () => Promise<Buffer>;

  /** @param mergedText returns the metrics of all processes, if this is one of several */
  constructor(mergedText?: () => Promise<Buffer>) {
    const clock = { now: () => performance.now(), sleep };
    const own = new PacedGeneration(async () => Buffer.from(await this.#registry.metrics()), clock);
    this.#text = mergedText ?? (() => own.ask());
    this.#gauge('gumbel_queue_elements', 'Work that waits, in elements of noise.', (load) => load.queuedUnits);
    this.#gauge('gumbel_queue_requests', 'Requests that wait to be drawn.', (load) => load.queuedRequests);
    this.#gauge('gumbel_workers_alive', 'Worker threads that draw or could.', (load) => load.workersAlive);
    this.#gauge('gumbel_processes_ready', 'Processes that can draw.', ({ workersAlive }) => (workersAlive > 0 ? 1 : 0));
    // From 0 on: `rate` and `increase` do not see a series that is born above 0, such as the first 500s of a process.
    for (const code of Object.keys(catalogue)) this.#errors.inc({ code }, 0);
    for (const reason of shedReasons) this.#shed.inc({ reason }, 0);
    collectDefaultMetrics({ register: this.#registry });
  }

  /** A gauge of the sampler's load, read at each scrape. */
  #gauge(name: string, help: string, read: (load: SamplerLoad) => number): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: this.#registers,
      collect: () => gauge.set(read(this.#load())),
    });
  }

  /** Media type of `text`. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Every metric in the text format of Prometheus, read after this call. Concurrent scrapes share one text. */
  text(): Promise<Buffer> {
    return this.#text();
  }

  /** Every metric of this process. */
  values(): Promise<MetricList> {
    return this.#registry.getMetricsAsJSON();
  }

  /** Sets the source of the load gauges and the labels of the build; call it once both are known. */
  describe(load: () => SamplerLoad, { version, noiseVersion, provider, device }: BuildInfo): void {
    this.#load = load;
    this.#buildInfo.set({ version, noise_version: noiseVersion, provider, device }, 1);
  }

  answered({ method, route = 'unmatched', status, durationMs }: AnsweredRequest): void {
    this.#requests.inc({ method: methods.has(method) ? (method as string) : 'other', route, status });
    if (durationMs !== undefined) this.#requestSeconds.observe({ route }, durationMs / 1000);
  }

  /** Counts an error reply. `draws` is false for probes, which do not count as refused draws. */
  refused(code: ProblemCode, draws: boolean): void {
    this.#errors.inc({ code });
    if (draws && shedReasons.has(code)) this.#shed.inc({ reason: code });
  }

  readonly printed = (printMs: number): void => this.#serialiseSeconds.observe(printMs / 1000);

  readonly processRestarted = (): void => this.#processRestarts.inc();

  readonly lineDropped = (): void => this.#linesDropped.inc();

  readonly spansExported = (spans: number): void => this.#spansExported.inc(spans);

  readonly spansDropped = (spans: number): void => this.#spansDropped.inc(spans);

  readonly drawnFor = (key: string, elements: number): void => this.#keyElements.inc({ key }, elements);

  /** Removes the series of a caller that is no longer in the key file. */
  readonly callerRemoved = (key: string): void => this.#keyElements.remove({ key });

  readonly sampler: SamplerObserver = {
    waited: (waitMs) => this.#waitSeconds.observe(waitMs / 1000),
    drawn: (batch) => this.#drawn(batch),
    workerLost: () => this.#workerRestarts.inc(),
  };

  #drawn({ kind, requests, rows, elements, noiseMs, graphMs }: DrawnBatch): void {
    this.#batchRequests.observe(requests);
    this.#batchRows.observe(rows);
    this.#batchElements.observe(elements);
    this.#elements.inc({ kind }, elements);
    if (isNoisy(kind)) this.#noiseSeconds.observe(noiseMs / 1000);
    if (graphMs > 0) this.#graphSeconds.observe(graphMs / 1000);
  }
}
