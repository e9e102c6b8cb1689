/**
 * What routes know of sampling: createSampler wires the batcher to the pool. A sampler draws jobs, says whether it is
 * ready, and closes once everything it accepted has settled.
 */
import { KeptBuffers } from '../kept-buffers.js';
import { pack, scatter } from './batch.js';
import { Batcher } from './batcher.js';
import type { Job, JobResult } from './job.js';
import { noiseVersion } from './noise/version.js';
import { Pool } from './pool.js';

/** A batch of the default BATCH_ELEMENTS_MAX has 1 to 2 MiB, and each worker holds one at a time. */
const batchBytesIdleMax = 2 ** 24;

export interface SamplerOptions {
  readonly provider: 'cpu';
  readonly workers: number;
  readonly categoriesMax: number;
  readonly batchElementsMax: number;
  readonly queueElementsMax: number;
  readonly queueRequestsMax: number;
  /** Called for each worker thread that is lost, with the reason. */
  readonly onWorkerLost: (error: Error) => void;
}

export interface Sampler {
  readonly provider: string;
  /** Version of the noise contract. */
  readonly noiseVersion: string;
  /**
   * Draws a job.
   *
   * @throws {Problem} `overloaded` or `worker-lost`, as a rejection
   */
  readonly draw: (job: Job) => Promise<JobResult>;
  /** Whether a worker is alive to draw. */
  readonly ready: () => boolean;
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
  const pool = await Pool.start({ workers, settings, onLost: options.onWorkerLost, onSpent });
  const batcher = new Batcher({
    lanes: workers,
    batchElementsMax: options.batchElementsMax,
    queueElementsMax: options.queueElementsMax,
    queueRequestsMax: options.queueRequestsMax,
    runBatch: async (parts) => scatter(parts, await pool.run(pack(parts, take))),
    defer: setImmediate,
  });
  return {
    provider,
    noiseVersion,
    draw: (job) => batcher.submit(job),
    ready: () => pool.alive > 0,
    close: async () => {
      await batcher.idle();
      await pool.stop();
    },
  };
}
