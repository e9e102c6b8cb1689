/**
 * The messages between the pool and a worker thread. A message is one ArrayBuffer that holds a batch, and after it room
 * for its result. It is transferred, not copied, and comes back with the result in it. So a message is one object,
 * which matters more to the HTTP thread than its bytes, and the buffer can go back to the buffer pool.
 */
import {
  type Batch,
  type BatchResult,
  isNoisy,
  type Kind,
  kinds,
  noneGiven,
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

/** Settings of all workers of a pool. */
export interface WorkerSettings {
  readonly provider: Provider;
  /** Largest K of a batch. Sizes the worker's buffers. */
  readonly categoriesMax: number;
  /** Most elements of a batch, unless it is a single draw of more categories. A GPU computes them in one run. */
  readonly batchElementsMax: number;
}

/** The workerData of a worker thread. */
export interface WorkerData extends WorkerSettings {
  /** int32 [stateColumns.count], shared with the pool. */
  readonly state: Int32Array<SharedArrayBuffer>;
}

/**
 * The most batches that a worker holds: the one it draws, and two in advance. While the HTTP thread refuses a flood of
 * requests, its turns take some milliseconds, and a batch often takes less than one. With only one in advance workers
 * still waited for the HTTP thread. docs/benchmarks.md, "batches in advance".
 */
export const batchesPerWorker = 3;

/** Columns of WorkerData.state. */
export const stateColumns = {
  /** 1 while the thread may be inside ONNX Runtime. It must not be terminated then; see onnx/session.ts. */
  inRuntime: 0,
  count: 1 + batchesPerWorker,
} as const;

/**
 * The column of state that is 1 once no caller waits any more for the worker's batch number `index`, counted from 0.
 * The worker sends such a batch back without drawing it.
 */
export function unwantedColumn(index: number): number {
  return 1 + (index % batchesPerWorker);
}

/** To the worker: a batch, or `stop`: end after the batches received before. */
export type ToWorker = ArrayBuffer | 'stop';

/** From the worker: `ready` once, then the buffer of each batch with its result in it, in order. */
export type FromWorker = 'ready' | ArrayBuffer;

/** Bytes of each element of a batch and of its header. */
const elementBytes = 4;
/** Columns of the header, uint32, with which a message begins. resultOffset: the first byte of the result. */
const headerColumns = { kind: 0, categories: 1, rows: 2, parts: 3, points: 4, resultOffset: 5, count: 6 } as const;

/** Sizes of a batch. */
export interface BatchShape {
  readonly kind: Kind;
  readonly categories: number;
  readonly rows: number;
  readonly parts: number;
  /** Elements of the points. 0 for forward passes. */
  readonly points: number;
}

/**
 * Allocates a batch with room for its result. Only the header is written; the arrays are not zeroed.
 *
 * @param counts elements of each output of the result
 * @param take allocates a buffer of at least the given number of bytes
 */
export function allocateBatch(
  { kind, categories, rows, parts, points }: BatchShape,
  counts: OutputCounts,
  take: (bytes: number) => ArrayBuffer,
): Batch {
  const rowElements =
    rows * (categories + 1) + streamRowsOf(kind, rows) * streamColumns.count + givenRowsOf(kind, rows);
  const elements = headerColumns.count + rowElements + parts * partColumns.count + points;
  // The result begins with float64.
  const resultOffset = 8 * Math.ceil((elements * elementBytes) / 8);
  const buffer = take(resultOffset + resultSize(counts));
  const header = new Uint32Array(buffer, 0, headerColumns.count);
  header[headerColumns.kind] = kinds.indexOf(kind);
  header[headerColumns.categories] = categories;
  header[headerColumns.rows] = rows;
  header[headerColumns.parts] = parts;
  header[headerColumns.points] = points;
  header[headerColumns.resultOffset] = resultOffset;
  return batchOn(buffer);
}

/** Rows that have streams. A batch of densities has none. */
function streamRowsOf(kind: Kind, rows: number): number {
  return isNoisy(kind) ? rows : 0;
}

/** Rows that have a given index. */
function givenRowsOf(kind: Kind, rows: number): number {
  return kind === 'conditioned' ? rows : 0;
}

/** The batch in the message `buffer`, as views. */
export function batchOn(buffer: ArrayBuffer): Batch {
  const header = new Uint32Array(buffer, 0, headerColumns.count);
  const categories = header[headerColumns.categories];
  const rows = header[headerColumns.rows];
  const parts = header[headerColumns.parts];
  const kind = kinds[header[headerColumns.kind]];
  const streamRows = streamRowsOf(kind, rows);
  const givenRows = givenRowsOf(kind, rows);
  const points = header[headerColumns.points];
  let offset = header.byteLength;
  const next = (count: number) => {
    const start = offset;
    offset += count * elementBytes;
    return start;
  };
  return {
    buffer,
    kind,
    categories,
    parts: new Uint32Array(buffer, next(parts * partColumns.count), parts * partColumns.count),
    streams: new Uint32Array(buffer, next(streamRows * streamColumns.count), streamRows * streamColumns.count),
    temperature: new Float32Array(buffer, next(rows), rows),
    logits: new Float32Array(buffer, next(rows * categories), rows * categories),
    // A view costs a small draw more than this branch.
    given: givenRows === 0 ? noneGiven : new Int32Array(buffer, next(givenRows), givenRows),
    points: new Float32Array(buffer, next(points), points),
  };
}

/**
 * A result begins with its timings, float64, and the number of elements of each output, uint32, padded to 8 bytes.
 */
const timingBytes = 8 * timingColumns.count;
const headerBytes = timingBytes + 8 * Math.ceil((outputNames.length * elementBytes) / 8);

/**
 * The outputs in the order of their arrays in a result: float64 before 4-byte types, so that each array is aligned.
 * `column` is the column of the number of elements.
 */
const layout = outputNames
  .map((name, column) => ({ name, column, array: outputs[name].array, bytes: bytesPerElement(name) }))
  .toSorted((a, b) => b.bytes - a.bytes);

/** Bytes of a result. */
function resultSize(counts: OutputCounts): number {
  let size = headerBytes;
  for (const { name, bytes } of layout) size += (counts[name] ?? 0) * bytes;
  return size;
}

function resultStart(buffer: ArrayBuffer): number {
  return new Uint32Array(buffer, 0, headerColumns.count)[headerColumns.resultOffset];
}

/**
 * Writes the header of the result in the message `buffer`. The output arrays are not zeroed.
 *
 * @param counts elements of each output, as given to allocateBatch
 */
export function openResult(buffer: ArrayBuffer, counts: OutputCounts): BatchResult {
  const start = resultStart(buffer);
  const header = new Uint32Array(buffer, start + timingBytes, layout.length);
  for (const { name, column } of layout) header[column] = counts[name] ?? 0;
  return resultOn(buffer);
}

/** The result in the message `buffer`, as views. */
export function resultOn(buffer: ArrayBuffer): BatchResult {
  const start = resultStart(buffer);
  const header = new Uint32Array(buffer, start + timingBytes, layout.length);
  const arrays: { [Name in OutputName]?: OutputArrays[OutputName] } = {};
  let offset = start + headerBytes;
  for (const { name, column, array, bytes } of layout) {
    const count = header[column];
    // Most outputs of most results are empty. All results share one empty array for each.
    arrays[name] = count === 0 ? empty[name] : new array(buffer, offset, count);
    offset += count * bytes;
  }
  return { buffer, timings: new Float64Array(buffer, start, timingColumns.count), ...(arrays as OutputArrays) };
}

const empty = Object.fromEntries(outputNames.map((name) => [name, new outputs[name].array(0)]));
