/** What crosses between the pool and a worker thread, in both directions. Types only. */
import type { Batch, BatchResult } from './job.js';

/** Given to a worker thread as its workerData. */
export interface WorkerSettings {
  readonly provider: 'cpu';
  /** Largest K a batch may have; sizes the worker's buffers. */
  readonly categoriesMax: number;
}

/** To the worker. `stop` lets the thread end by itself once the batch in hand is done. */
export type ToWorker = { readonly type: 'draw'; readonly batch: Batch } | { readonly type: 'stop' };

/** From the worker: once `ready`, then one `drawn` for each `draw`, in order. */
export type FromWorker = { readonly type: 'ready' } | { readonly type: 'drawn'; readonly result: BatchResult };
