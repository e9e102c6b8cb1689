/**
 * What crosses between the pool and a worker thread. A batch and its result are one ArrayBuffer each, moved and not copied:
 * a message costs the HTTP thread by the objects in it far more than by its bytes.
 */
import {
  type Batch,
  type BatchResult,
  type OutputArrays,
  type OutputName,
  outputNames,
  outputs,
  partColumns,
  streamColumns,
} from './job.js';

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

/** Elements of each output; one that is not named has none. */
export type OutputCounts = { readonly [Name in OutputName]?: number };

/** A result of the given numbers of elements, all zeros, on one buffer. */
export function allocateResult(counts: OutputCounts): BatchResult {
  const sizes = outputNames.map((name) => counts[name] ?? 0);
  const buffer = new ArrayBuffer((sizes.length + sizes.reduce((sum, size) => sum + size, 0)) * fieldBytes);
  new Uint32Array(buffer, 0, sizes.length).set(sizes);
  return resultOn(buffer);
}

/** The result whose message `buffer` is: views, no copies. */
export function resultOn(buffer: ArrayBuffer): BatchResult {
  const sizes = new Uint32Array(buffer, 0, outputNames.length);
  let at = sizes.byteLength;
  const arrays = outputNames.map((name, index) => {
    const array = new outputs[name].array(buffer, at, sizes[index]);
    at += array.byteLength;
    return [name, array];
  });
  return { buffer, ...(Object.fromEntries(arrays) as OutputArrays) };
}
