/**
 * What routes know of sampling: createSampler wires the batcher to the pool. A sampler draws jobs, says whether it is
 * ready, and closes once everything it accepted has settled.
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

/** A batch of the default BATCH_ELEMENTS_MAX has 2 to 4 MiB with its result, and each worker holds a few at a time. */
const batchBytesIdleMax = 2 ** 25;

/** What a worker draws in about a tenth of a millisecond is worth a batch of its own. */
const worthUnitsMin = 2 ** 15;

/** How late a deadline may be noticed while every worker is busy. */
const watchIntervalMs = 50;

/** The options of config.ts that draws have to do with, by the same names; what is left out has its default. */
export interface SamplerOptions extends Partial<Config> {
  readonly provider: ProviderRequest;
  /** Called for each worker thread that is lost, with the reason. */
  readonly onWorkerLost: (error: Error) => void;
  /**
   * Called once, when a worker has not answered within watchdogMs: the process should end, since no thread can be ended
   * alone.
   */
  readonly onStuck: () => void;
  /** Told of everything worth a metric. */
  readonly observer?: SamplerObserver;
  /** Units that a worker does in a millisecond; by default it is learnt. */
  readonly unitsPerMs?: number;
}

/** What is on a sampler's hands right now. */
export interface SamplerLoad {
  /** Units that wait to be drawn, and the requests they belong to. */
  readonly queuedUnits: number;
  readonly queuedRequests: number;
  /** Worker threads that draw or could. */
  readonly workersAlive: number;
}

export interface Sampler {
  /** The execution provider that computes soft samples. */
  readonly provider: string;
  /** What the provider runs on, in words. */
  readonly device: string;
  /** Worker threads it was started with. */
  readonly workers: number;
  /** What `auto` tried before it took this provider, and why it did not take that. */
  readonly refused: readonly Refusal[];
  /** Version of the noise contract. */
  readonly noiseVersion: string;
  /**
   * Draws a job while its caller waits for it, by default for as long as it takes.
   *
   * @throws {DrawError} `overloaded`, `deadline-exceeded` or `worker-lost`, as a rejection
   * @throws {CallerGone} as a rejection
   */
  readonly draw: (job: Job, terms?: Terms) => Promise<JobResult>;
  /** Gives the memory of a result back: call it once nothing will read the result, or never. */
  readonly release: (result: JobResult) => void;
  /** What no replica like this one would draw, however idle: `too-many-elements` or `too-much-work`. */
  readonly tooMuch: (job: Job, terms: Terms) => DrawError | undefined;
  /** `overloaded` if whatever a caller sends now would be refused; so it need not even be read. */
  readonly refusal: (caller: object) => DrawError | undefined;
  /** Whether `refusal` could be there for anybody; cheap, and false unless there is much to do. */
  readonly mayRefuse: () => boolean;
  /** Whether jobs should be sent here, and if not, why. */
  readonly state: () => PoolState;
  readonly load: () => SamplerLoad;
  /** Whether a thread may be inside ONNX Runtime, which aborts the process when its threads are ended then. */
  readonly inRuntime: () => boolean;
  /** Lets everything accepted settle, then ends the workers. */
  readonly close: () => Promise<void>;
}

/**
 * Starts the workers and resolves when all of them can draw.
 *
 * @throws {ProviderError} when the provider cannot be used here
 * @throws {Error} when a worker cannot start otherwise
 */
export async function createSampler(options: SamplerOptions): Promise<Sampler> {
  const config = { ...readConfig({}), ...options };
  const { observer = unobserved, watchdogMs, onStuck } = config;
  const buffers = new BufferPool(batchBytesIdleMax);
  const take = (bytes: number) => buffers.take(bytes);
  const memory = new ResultMemory(buffers);
  const release = (result: JobResult) => memory.release(result);
  const onLost = (error: Error) => {
    observer.workerLost();
    options.onWorkerLost(error);
  };
  const now = () => performance.now();
  const { provider, refused, started } = await chooseProvider(options.provider, async (provider) => {
    const workers = ownsGpu(provider) ? 1 : config.workers;
    const batchElementsMax = ownsGpu(provider) ? config.gpuBatchElementsMax : config.batchElementsMax;
    const settings = { provider, categoriesMax: config.categoriesMax, batchElementsMax };
    const pool = await Pool.start({ workers, settings, watchdogMs, now, onLost, onStuck });
    return { pool, workers, batchElementsMax };
  });
  const { pool, workers, batchElementsMax } = started;
  const rate = new WorkRate(now);
  const batcher = new Batcher({
    ...config,
    lanes: workers,
    batchesPerLane: batchesPerWorker,
    worthUnitsMin,
    batchUnitsMax: batchElementsMax,
    queueUnitsMax: workers * config.queueElementsMax,
    unitsPerMs: () => options.unitsPerMs ?? rate.unitsPerMs,
    runBatch: async (parts, isWanted, units) => {
      const result = await pool.run(() => pack(parts, take), isWanted);
      rate.observe(units, result.timings[timingColumns.totalMs] as number);
      observer.drawn(drawnBatch(parts, result));
      const results = scatter(parts, result);
      memory.share(result.buffer, results);
      return results;
    },
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
  const text = `The draw costs more than ${unitsMax} elements of an index draw.`;
  return new DrawError('too-many-elements', text, { unitsMax });
}

function drawnBatch(parts: readonly Part[], { timings }: BatchResult): DrawnBatch {
  const { kind, categories } = (parts[0] as Part).job;
  let rows = 0;
  for (const { rowCount, sampleCount } of parts) rows += rowCount * sampleCount;
  const graphMs = timings[timingColumns.graphMs] as number;
  const noiseMs = (timings[timingColumns.totalMs] as number) - graphMs;
  return { kind, requests: parts.length, rows, elements: rows * categories, noiseMs, graphMs };
}
