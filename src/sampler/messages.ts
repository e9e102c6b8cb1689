/**
 * What crosses between the pool and a worker thread: one ArrayBuffer, moved and not copied, in which a batch lies and
 * behind it the place of its result. A message costs the HTTP thread by the objects in it far more than by its bytes,
 * and a buffer that goes there and back can be used again, which one that is made for each result cannot.
 */
import {
  type Batch,
  type BatchResult,
  isNoisy,
  type Kind,
  kinds,
  partColumns,
  streamColumns,
  timingColumns,
} from './job.js';
import type { Provider } from './onnx/provider.js';
import {
  bytesPerElement,
  type OutputArrays,
  type OutputCounts,
  type OutputName,
  outputNames,
  outputs,
} from './outputs.js';

/** What every worker of a pool is told. */
export interface WorkerSettings {
  readonly provider: Provider;
  /** Largest K a batch may have; sizes the worker's buffers. */
  readonly categoriesMax: number;
  /** Largest batch, but for a single draw of more categories; a GPU takes it in one run. */
  readonly batchElementsMax: number;
}

/** What a worker thread gets as its workerData. */
export interface WorkerData extends WorkerSettings {
  /** int32 shared with the pool, see stateColumns. */
  readonly state: Int32Array<SharedArrayBuffer>;
}

/**
 * Batches in the hands of one worker. While a flood of requests is refused, a turn of the HTTP thread takes some
 * milliseconds, and a batch often takes less than one: with two a worker still waited for a tenth of the time, with
 * three no more.
 */
export const batchesPerWorker = 3;

/** What a worker shares with the pool while it is at work. */
export const stateColumns = {
  /** 1 while ONNX Runtime may be at work on the thread, which must not be ended then. */
  inRuntime: 0,
  count: 1 + batchesPerWorker,
} as const;

/** Where state is 1 once nobody wants the batch that was handed over after `before` others: it goes back undrawn. */
export function unwantedColumn(before: number): number {
  return 1 + (before % batchesPerWorker);
}

/** To the worker: a batch, or that it should end by itself once the batch in hand is done. */
export type ToWorker = ArrayBuffer | 'stop';

/** From the worker: once `ready`, then the buffer of each batch with its result in it, in order. */
export type FromWorker = 'ready' | ArrayBuffer;

/** Every field of a batch is 4 bytes wide; a message opens with the sizes of what follows, also 4 bytes each. */
const fieldBytes = 4;
/** The header: the sizes of a batch, and the first byte of its result. */
const headerColumns = { kind: 0, categories: 1, rows: 2, parts: 3, pointDraws: 4, resultAt: 5, count: 6 } as const;

/** Sizes of a batch. */
export interface BatchShape {
  readonly kind: Kind;
  readonly categories: number;
  readonly rows: number;
  readonly parts: number;
  /** Draws that have points; 0 for a batch of draws. */
  readonly pointDraws: number;
}

/**
 * A batch of a shape, with room for a result of the given numbers of elements, on a buffer that `take` gives for so
 * many bytes; what it holds is not zeroed.
 */
export function allocateBatch(
  { kind, categories, rows, parts, pointDraws }: BatchShape,
  counts: OutputCounts,
  take: (bytes: number) => ArrayBuffer,
): Batch {
  const ofRows = rows * (categories + 1) + streamRowsOf(kind, rows) * streamColumns.count;
  const fields = headerColumns.count + ofRows + parts * partColumns.count + pointDraws * categories;
  // A result opens with float64.
  const resultAt = 8 * Math.ceil((fields * fieldBytes) / 8);
  const buffer = take(resultAt + sizeOf(counts));
  const header = new Uint32Array(buffer, 0, headerColumns.count);
  header[headerColumns.kind] = kinds.indexOf(kind);
  header[headerColumns.categories] = categories;
  header[headerColumns.rows] = rows;
  header[headerColumns.parts] = parts;
  header[headerColumns.pointDraws] = pointDraws;
  header[headerColumns.resultAt] = resultAt;
  return batchOn(buffer);
}

/** Rows that have streams: none of a batch of densities. */
function streamRowsOf(kind: Kind, rows: number): number {
  return isNoisy(kind) ? rows : 0;
}

/** The batch whose message `buffer` is: views, no copies. */
export function batchOn(buffer: ArrayBuffer): Batch {
  const header = new Uint32Array(buffer, 0, headerColumns.count);
  const categories = header[headerColumns.categories] as number;
  const rows = header[headerColumns.rows] as number;
  const parts = header[headerColumns.parts] as number;
  const kind = kinds[header[headerColumns.kind] as number] as Kind;
  const streamRows = streamRowsOf(kind, rows);
  const pointDraws = header[headerColumns.pointDraws] as number;
  let at = header.byteLength;
  const take = (count: number) => {
    const start = at;
    at += count * fieldBytes;
    return start;
  };
  return {
    buffer,
    kind,
    categories,
    parts: new Uint32Array(buffer, take(parts * partColumns.count), parts * partColumns.count),
    streams: new Uint32Array(buffer, take(streamRows * streamColumns.count), streamRows * streamColumns.count),
    temperature: new Float32Array(buffer, take(rows), rows),
    logits: new Float32Array(buffer, take(rows * categories), rows * categories),
    points: new Float32Array(buffer, take(pointDraws * categories), pointDraws * categories),
  };
}

/**
 * A result opens with its timings, float64, and the number of elements of each output, padded so that float64 may
 * follow.
 */
const timingBytes = 8 * timingColumns.count;
const headerBytes = timingBytes + 8 * Math.ceil((outputNames.length * fieldBytes) / 8);

/**
 * The arrays in the order of a result, float64 before what is 4 bytes wide, so that each is aligned; `field` is the
 * header's.
 */
const layout = outputNames
  .map((name, field) => ({ name, field, array: outputs[name].array, bytes: bytesPerElement(name) }))
  .toSorted((a, b) => b.bytes - a.bytes);

function sizeOf(counts: OutputCounts): number {
  let bytes = headerBytes;
  for (const { name, bytes: elementBytes } of layout) bytes += (counts[name] ?? 0) * elementBytes;
  return bytes;
}

function resultStart(buffer: ArrayBuffer): number {
  return new Uint32Array(buffer, 0, headerColumns.count)[headerColumns.resultAt] as number;
}

/**
 * Makes the result of the batch on `buffer`, in its place there: as many elements as it was allocated for, whatever
 * they hold.
 */
export function openResult(buffer: ArrayBuffer, counts: OutputCounts): BatchResult {
  const start = resultStart(buffer);
  const header = new Uint32Array(buffer, start + timingBytes, layout.length);
  for (const { name, field } of layout) header[field] = counts[name] ?? 0;
  return resultOn(buffer);
}

/** The result in the message `buffer`: views, no copies. */
export function resultOn(buffer: ArrayBuffer): BatchResult {
  const start = resultStart(buffer);
  const header = new Uint32Array(buffer, start + timingBytes, layout.length);
  const arrays: { [Name in OutputName]?: OutputArrays[OutputName] } = {};
  let at = start + headerBytes;
  for (const { name, field, array, bytes } of layout) {
    const count = header[field] as number;
    // Most outputs of most results are empty: those share one array a kind instead of making a view each.
    arrays[name] = count === 0 ? empty[name] : new array(buffer, at, count);
    at += count * bytes;
  }
  return { buffer, timings: new Float64Array(buffer, start, timingColumns.count), ...(arrays as OutputArrays) };
}

const empty = Object.fromEntries(outputNames.map((name) => [name, new outputs[name].array(0)])) as OutputArrays;
