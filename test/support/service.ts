/** The real service for tests: real workers, real graph, requests injected without a socket. */
import type { Worker } from 'node:worker_threads';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { type Access, openAccess } from '../../src/access/access.js';
import { buildApp } from '../../src/app.js';
import { readConfig } from '../../src/config.js';
import { Metrics } from '../../src/observability/metrics.js';
import { openTracing } from '../../src/observability/tracing/open-tracing.js';
import type { Lifecycle } from '../../src/routes/context.js';
import { createSampler, type Sampler } from '../../src/sampler/sampler.js';
import { testProvider } from './provider.js';

export interface Service {
  readonly app: FastifyInstance;
  readonly sampler: Sampler;
  readonly lifecycle: Lifecycle;
  /** Undefined unless the environment has API_KEYS_FILE. */
  readonly access: Access | undefined;
  /** POSTs a body (an object is sent as JSON) and gives back the status, the parsed reply and its text. */
  readonly sample: (body: unknown) => Promise<Answer>;
  /** The same for any route. */
  readonly post: (url: string, body: unknown) => Promise<Answer>;
  /**
   * Keeps batches from the workers until the function that it returns is called, so that draws wait however fast they
   * would be drawn.
   */
  readonly holdWorkers: () => () => void;
  readonly close: () => Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly reply: Reply;
  readonly text: string;
}

/** A reply of a route that computes, or a problem. */
interface Reply {
  samples: never;
  indices: never;
  noise: never;
  top_indices: never;
  log_samples: never;
  log_prob: never;
  grad_logits: never;
  grad_temperature: never;
  estimator: string;
  seed: unknown;
  temperature: unknown;
  hard: boolean;
  noise_version: string;
  provider: string;
  type: string;
  code: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  request_id: string;
  errors: { pointer: string; message: string }[];
}

/** What a test may put in the place of the real thing. */
export interface ServiceParts {
  /** Takes the log's lines; without it nothing is logged. */
  readonly logTo?: (line: string) => void;
  /** The clock of quotas. */
  readonly now?: () => number;
  /** What a worker is thought to do in a millisecond; otherwise it is learnt, and depends on the machine. */
  readonly unitsPerMs?: number;
}

/** A changed key file is read again without a pause: nobody writes it meanwhile. */
const noWait = { wait: async () => {} };

/** The last spans of a test must arrive, however slow the machine. */
const spansMsMax = 60_000;

/** A worker that a test holds, or that a machine starves, is not stuck. */
const watchdogMs = '600000';

/** Keeps messages from threads until the function that it returns is called. */
function holdMessages(threads: readonly Worker[]): () => void {
  const held: (() => void)[] = [];
  const restore = threads.map((thread) => {
    const { postMessage } = thread;
    thread.postMessage = (...message) => held.push(() => postMessage.apply(thread, message));
    return () => {
      thread.postMessage = postMessage;
    };
  });
  return () => {
    for (const restoreThread of restore.splice(0)) restoreThread();
    for (const send of held.splice(0)) send();
  };
}

/** Starts the service with the given environment on top of one worker. */
export async function startService(
  environment: Record<string, string> = {},
  { logTo, now = () => performance.now(), unitsPerMs }: ServiceParts = {},
): Promise<Service> {
  const own = { WORKERS: '1', EXECUTION_PROVIDER: testProvider, WATCHDOG_MS: watchdogMs };
  const config = readConfig({ ...own, ...environment });
  const metrics = new Metrics();
  const logger = logTo ? pino({ level: config.logLevel }, { write: logTo }) : pino({ level: 'silent' });
  const { quotaElementsPerMinute, apiKeysFile } = config;
  const callers = { quotaElementsPerMinute, now, drawn: metrics.drawnFor, removed: metrics.callerRemoved };
  const access = apiKeysFile === '' ? undefined : await openAccess(apiKeysFile, callers, logger, noWait);
  const tracing =
    config.tracing &&
    (await openTracing(config.tracing, { logger, counts: metrics, version: '0.0.0', process: undefined }));
  const workers: Worker[] = [];
  const note = (worker: Worker) => workers.push(worker);
  process.on('worker', note);
  const sampler = await createSampler({
    ...config,
    provider: config.executionProvider,
    onWorkerLost: (error) => {
      throw error;
    },
    onStuck: () => {
      throw new Error('A worker is stuck.');
    },
    observer: tracing?.observingDraws(metrics.sampler) ?? metrics.sampler,
    ...(unitsPerMs !== undefined && { unitsPerMs }),
  });
  process.off('worker', note);
  let release = () => {};
  const lifecycle = { draining: false };
  const app = await buildApp({
    config,
    sampler,
    lifecycle,
    logger,
    metrics,
    callers: access?.callers,
    version: '0.0.0',
    tracing,
  });
  const post = async (url: string, body: unknown): Promise<Answer> => {
    const payload = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const headers = { 'content-type': 'application/json' };
    const response = await app.inject({ method: 'POST', url, headers, payload });
    return { status: response.statusCode, reply: response.json(), text: response.body };
  };
  return {
    app,
    sampler,
    lifecycle,
    access,
    post,
    sample: (body) => post('/sample', body),
    holdWorkers: () => {
      release = holdMessages(workers);
      return release;
    },
    close: async () => {
      release();
      await app.close();
      await Promise.all([sampler.close(), tracing?.close(spansMsMax)]);
      await access?.close();
    },
  };
}
