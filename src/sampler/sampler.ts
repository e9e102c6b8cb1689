/**
 * The interface of sampling that routes use. createSampler connects the batcher to the pool of workers. A sampler draws
 * jobs, reports whether it is ready, and closes once every accepted job has settled.
 */

import { type Config, readConfig } from '../config.js';
import { BufferPool } from '../runtime/buffer-pool.js';
import { chooseProvider, type Refusal } from './choose-provider.js';
import { jobUnits } from './cost.js';
import { DrawError } from './draw-error.js';
import { type BatchResult, type Job, type JobResult, type Part, type Terms, timingColumns } from './job.js';
import { batchesPerWorker } from './messages.js';
import { noiseVersion } from './noise/version.js';
import { type DrawnBatch, type SamplerObserver, unobserved } from './observer.js';
import { describeDevice } from './onnx/device.js';
import { ownsGpu, type ProviderRequest } from './onnx/provider.js';
import { Batcher } from './queue/batcher.js';
import { pack, scatter } from './queue/pack.js';
import { Pool, type PoolState } from './queue/pool.js';
import { ResultMemory } from './queue/result-memory.js';
import { WorkRate } from './queue/work-rate.js';
import { openDrawer } from './worker/drawer.js';

/** A batch of the default BATCH_ELEMENTS_MAX has 2 to 4 MiB with its result, and each worker holds up to three. */
const batchBytesIdleMax = 2 ** 25;

/** Units that a worker draws in about a tenth of a millisecond (cost.ts). */
const worthUnitsMin = 2 ** 15;

/** About 25 us of work: less than a message to a worker and back costs this thread. */
const inlineUnitsMax = 2 ** 13;

/** Interval of the sweep for passed deadlines, left clients and stuck workers. */
const watchIntervalMs = 50;

/** Options of config.ts under the same names, each optional with the default of config.ts, and some more. */
export interface SamplerOptions extends Partial<Config> {
  readonly provider: ProviderRequest;
  /** Called for each worker thread that ends unexpectedly or cannot be replaced. */
  readonly onWorkerLost: (error: Error) => void;
  /**
   * Called once, when a worker has not answered within watchdogMs. The process should end: a worker thread cannot be
   * terminated alone (queue/pool.ts).
   */
  readonly onStuck: () => void;
  readonly observer?: SamplerObserver;
  /** Units that a worker draws in a millisecond. By default learnt from batches. */
  readonly unitsPerMs?: number;
  /** Opens what draws on this thread. The simulation sets it (test/simulation). */
  readonly openInline?: typeof openDrawer;
}

const defaults = readConfig({});

/** The present load of a sampler, for metrics. */
export interface SamplerLoad {
  /** Units in the queue, and the number of requests that they belong to. */
  readonly queuedUnits: number;
  readonly queuedRequests: number;
  /** Worker threads that are ready or drawing. */
  readonly workersAlive: number;
}

export interface Sampler {
  /** The execution provider that computes soft samples. */
  readonly provider: string;
  /** The name of the device that the provider runs on. */
  readonly device: string;
  /** The number of worker threads that it was started with. */
  readonly workers: number;
  /** The providers that `auto` could not use, with the reasons. */
  readonly refused: readonly Refusal[];
  /** Version of the noise contract (docs/noise-contract.md). */
  readonly noiseVersion: string;
  /**
   * Draws a job.
   *
   * @param terms by default without a deadline
   * @throws {DrawError} `overloaded`, `deadline-exceeded` or `worker-lost`, as a rejection
   * @throws {CallerGone} as a rejection, when the client has left
   */
  readonly draw: (job: Job, terms?: Terms) => Promise<JobResult>;
  /** Returns the memory of a result to the buffer pool. Call it once nothing reads the result any more, or never. */
  readonly release: (result: JobResult) => void;
  /** `too-many-elements` or `too-much-work` for a job that this sampler would not draw even when idle. */
  readonly tooMuch: (job: Job, terms: Terms) => DrawError | undefined;
  /** `overloaded` if the queue would refuse any job of this caller now, so that its request need not be read. */
  readonly refusal: (caller: object) => DrawError | undefined;
  /** Whether `refusal` may return an error for any caller. Cheaper than `refusal`. */
  readonly mayRefuse: () => boolean;
  /** The readiness of the workers. */
  readonly state: () => PoolState;
  readonly load: () => SamplerLoad;
  /** Whether a thread may be inside ONNX Runtime. Ending the thread then would abort the process (queue/pool.ts). */
  readonly inRuntime: () => boolean;
  /** Waits until every accepted job has settled and no batch runs, then stops the workers. */
  readonly close: () => Promise<void>;
}

/**
 * Starts the workers. Resolves when all of them are ready.
 *
 * @throws {ProviderError} when the provider cannot be used here
 * @throws {Error} when a worker cannot start for another reason
 */
export async function createSampler(options: SamplerOptions): Promise<Sampler> {
  const config = { ...defaults, ...options };
  const { observer = unobserved, watchdogMs, onStuck, openInline = openDrawer } = config;
  const buffers = new BufferPool(batchBytesIdleMax);
  const take = (bytes: number) => buffers.take(bytes);
  const memory = new ResultMemory(buffers);
  const release = (result: JobResult) => memory.release(result);
  const onWorkerLost = (error: Error) => {
    observer.workerLost();
    options.onWorkerLost(error);
  };
  const now = () => performance.now();
  const { provider, refused, started } = await chooseProvider(options.provider, async (provider) => {
    const onGpu = ownsGpu(provider);
    const workers = onGpu ? 1 : config.workers;
    const batchElementsMax = onGpu ? config.gpuBatchElementsMax : config.batchElementsMax;
    const settings = { provider, categoriesMax: config.categoriesMax, batchElementsMax };
    const starting = Pool.start({ workers, settings, watchdogMs, now, onWorkerLost, onStuck });
    // One worker owns the GPU, and only it computes the bits of the GPU.
    const inline = onGpu ? undefined : await openInline(settings);
    return { pool: await starting, inline, workers, batchElementsMax };
  });
  const { pool, inline, workers, batchElementsMax } = started;
  const settle = (
    parts: readonly Part[],
    result: BatchResult,
    startMs: number,
    place: DrawnBatch['place'],
  ): JobResult[] => {
    observer.drawn({ ...workOf(parts, result), parts, startMs, endMs: now(), place, provider });
    const results = scatter(parts, result);
    memory.share(result.buffer, results);
    return results;
  };
  const rate = new WorkRate(now);
  const batcher = new Batcher({
    ...config,
    lanes: workers,
    batchesPerLane: batchesPerWorker,
    worthUnitsMin,
    inlineUnitsMax,
    batchUnitsMax: batchElementsMax,
    queueUnitsMax: workers * config.queueElementsMax,
    unitsPerMs: () => options.unitsPerMs ?? rate.unitsPerMs,
    runBatch: async (batch) => {
      const startMs = now();
      const packUnsettled = () => {
        batch.dropSettled();
        return pack(batch.parts, take);
      };
      const result = await pool.run(packUnsettled, () => batch.isWanted);
      rate.observe(batch.units, result.timings[timingColumns.totalMs]);
      return settle(batch.parts, result, startMs, 'worker');
    },
    hasIdleLane: () => pool.hasIdle,
    runInline:
      inline &&
      (async (parts) => {
        const startMs = now();
        return settle(parts, await inline.draw(pack(parts, take)), startMs, 'inline');
      }),
    allocate: (job) => memory.allocate(job),
    release,
    now,
    waited: observer.waited,
    defer: setImmediate,
  });
  const watch = setInterval(() => {
    batcher.sweep();
    pool.watch();
  }, watchIntervalMs);
  return {
    provider,
    device: describeDevice(provider),
    workers,
    refused,
    noiseVersion,
    draw: (job, terms) => batcher.submit(job, terms),
    release,
    tooMuch: (job, terms) => {
      const units = jobUnits(job);
      if (units > config.elementsDrawnMax) return tooManyElements(config.elementsDrawnMax);
      return batcher.tooMuch(units, job.rows * job.samples, terms);
    },
    refusal: (caller) => batcher.refusal(caller),
    mayRefuse: () => batcher.mayRefuse,
    state: () => pool.state,
    inRuntime: () => pool.inRuntime,
    load: () => ({
      queuedUnits: batcher.queued.units,
      queuedRequests: batcher.queued.requests,
      workersAlive: pool.alive,
    }),
    close: async () => {
      await batcher.idle();
      await pool.stop();
      clearInterval(watch);
    },
  };
}

function tooManyElements(unitsMax: number): DrawError {
  const text = `The draw costs more than ${unitsMax} elements of noise. Ask for fewer rows, samples or outputs.`;
  return new DrawError('too-many-elements', text, { unitsMax });
}

type Work = Pick<DrawnBatch, 'kind' | 'requests' | 'rows' | 'elements' | 'noiseMs' | 'graphMs'>;

function workOf(parts: readonly Part[], { timings }: BatchResult): Work {
  const { kind, categories } = parts[0].job;
  let rows = 0;
  for (const { rowCount, sampleCount } of parts) rows += rowCount * sampleCount;
  const graphMs = timings[timingColumns.graphMs];
  const noiseMs = timings[timingColumns.totalMs] - graphMs;
  return { kind, requests: parts.length, rows, elements: rows * categories, noiseMs, graphMs };
}
