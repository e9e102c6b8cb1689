/**
 * What crosses between the pool and a worker thread. A batch and its result are one ArrayBuffer each, moved and not copied:
 * a message costs the HTTP thread by the objects in it far more than by its bytes.
 */
import { type Batch, type BatchResult, partColumns, streamColumns } from './job.js';

/** Given to a worker thread as its workerData. */
export interface WorkerSettings {
  readonly provider: 'cpu';
  /** Largest K a batch may have; sizes the worker's buffers. */
  readonly categoriesMax: number;
}

/** To the worker: a batch, or that it should end by itself once the batch in hand is done. */
export type ToWorker = ArrayBuffer | 'stop';

/** From the worker: once `ready`, then one result for each batch, in order. */
export type FromWorker = 'ready' | ArrayBuffer;

/** Every field is 4 bytes wide; a message opens with the sizes of what follows, also 4 bytes each. */
const fieldBytes = 4;

/** A batch of P parts and R rows of K categories, all zeros, on one buffer. */
export function allocateBatch(categories: number, rows: number, parts: number): Batch {
  const fields = 3 + rows * (categories + 1 + streamColumns.count) + parts * partColumns.count;
  const buffer = new ArrayBuffer(fields * fieldBytes);
  new Uint32Array(buffer, 0, 3).set([categories, rows, parts]);
  return batchOn(buffer);
}

/** The batch whose message `buffer` is: views, no copies. */
export function batchOn(buffer: ArrayBuffer): Batch {
  const [categories, rows, parts] = new Uint32Array(buffer, 0, 3) as unknown as [number, number, number];
  let at = 3 * fieldBytes;
  const take = (count: number) => {
    const start = at;
    at += count * fieldBytes;
    return start;
  };
  return {
    buffer,
    categories,
    parts: new Uint32Array(buffer, take(parts * partColumns.count), parts * partColumns.count),
    streams: new Uint32Array(buffer, take(rows * streamColumns.count), rows * streamColumns.count),
    temperature: new Float32Array(buffer, take(rows), rows),
    logits: new Float32Array(buffer, take(rows * categories), rows * categories),
  };
}

/** A result of the given numbers of elements, all zeros, on one buffer. */
export function allocateResult(samples: number, indices: number, noise: number): BatchResult {
  const buffer = new ArrayBuffer((3 + samples + indices + noise) * fieldBytes);
  new Uint32Array(buffer, 0, 3).set([samples, indices, noise]);
  return resultOn(buffer);
}

/** The result whose message `buffer` is: views, no copies. */
export function resultOn(buffer: ArrayBuffer): BatchResult {
  const [samples, indices, noise] = new Uint32Array(buffer, 0, 3) as unknown as [number, number, number];
  const start = 3 * fieldBytes;
  return {
    buffer,
    samples: new Float32Array(buffer, start, samples),
    indices: new Int32Array(buffer, start + samples * fieldBytes, indices),
    noise: new Float32Array(buffer, start + (samples + indices) * fieldBytes, noise),
  };
}
