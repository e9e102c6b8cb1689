/**
 * What routes know of sampling: createSampler wires the batcher to the pool. A sampler draws jobs, says whether it is
 * ready, and closes once everything it accepted has settled.
 */
import { KeptBuffers } from '../kept-buffers.js';
import { pack, scatter } from './batch.js';
import { Batcher } from './batcher.js';
import type { Job, JobResult, Terms } from './job.js';
import { noiseVersion } from './noise/version.js';
import { Pool, type PoolState } from './pool.js';

/** A batch of the default BATCH_ELEMENTS_MAX has 1 to 2 MiB, and each worker holds one at a time. */
const batchBytesIdleMax = 2 ** 24;

/** How late a deadline may be noticed while every worker is busy. */
const watchIntervalMs = 50;

export interface SamplerOptions {
  readonly provider: 'cpu';
  readonly workers: number;
  readonly categoriesMax: number;
  readonly batchElementsMax: number;
  /** Elements that may wait for each worker. */
  readonly queueElementsMax: number;
  readonly queueRequestsMax: number;
  readonly watchdogMs: number;
  /** Called for each worker thread that is lost, with the reason. */
  readonly onWorkerLost: (error: Error) => void;
  /** Called once, when a worker has not answered within watchdogMs: the process should end, since no thread can be ended alone. */
  readonly onStuck: () => void;
}

export interface Sampler {
  readonly provider: string;
  /** Version of the noise contract. */
  readonly noiseVersion: string;
  /**
   * Draws a job while its caller waits for it, by default for as long as it takes.
   *
   * @throws {Problem} `overloaded`, `deadline-exceeded` or `worker-lost`, as a rejection
   * @throws {CallerGone} as a rejection
   */
  readonly draw: (job: Job, terms?: Terms) => Promise<JobResult>;
  /** Whether jobs should be sent here, and if not, why. */
  readonly state: () => PoolState;
  /** Lets everything accepted settle, then ends the workers. */
  readonly close: () => Promise<void>;
}

/**
 * Starts the workers and resolves when all of them can draw.
 *
 * @throws {Error} when a worker cannot start
 */
export async function createSampler(options: SamplerOptions): Promise<Sampler> {
  const { provider, workers, categoriesMax } = options;
  const buffers = new KeptBuffers(batchBytesIdleMax);
  const take = (bytes: number) => buffers.take(bytes);
  const onSpent = (batch: ArrayBuffer) => buffers.give(batch);
  const settings = { provider, categoriesMax };
  const { watchdogMs, onWorkerLost: onLost, onStuck } = options;
  const now = () => performance.now();
  const pool = await Pool.start({ workers, settings, watchdogMs, now, onLost, onStuck, onSpent });
  const batcher = new Batcher({
    lanes: workers,
    batchElementsMax: options.batchElementsMax,
    queueElementsMax: workers * options.queueElementsMax,
    queueRequestsMax: options.queueRequestsMax,
    now,
    runBatch: async (parts) => scatter(parts, await pool.run(pack(parts, take))),
    defer: setImmediate,
  });
  const watch = setInterval(() => {
    batcher.sweep();
    pool.watch();
  }, watchIntervalMs);
  return {
    provider,
    noiseVersion,
    draw: (job, terms) => batcher.submit(job, terms),
    state: () => pool.state,
    close: async () => {
      await batcher.idle();
      await pool.stop();
      clearInterval(watch);
    },
  };
}
