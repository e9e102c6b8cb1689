/**
 * Loaded before the service's own code, in every thread; does something in worker threads only. Looks at each batch
 * when the worker begins it, and throws, fills the heap, hangs or waits when the batch has the categories that ask for
 * it.
 */
import { existsSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { unwantedColumn, type WorkerData } from '../../src/sampler/messages.js';
import { batchLine, marks } from './marks.js';

const pollMs = 2;
const stderr = 2;

/** Blocks the thread, as a draw that takes long would. */
function holdUntil(path: string): void {
  const never = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(path)) Atomics.wait(never, 0, 0, pollMs);
}

function fillHeap(): never {
  const kept: number[][] = [];
  for (;;) kept.push(Array(100_000).fill(0.1));
}

function befall(categories: number): void {
  switch (categories) {
    case marks.throws:
      throw new Error('An injected fault');
    case marks.exhausts:
      fillHeap();
      break;
    case marks.hangs:
      for (;;);
    case marks.holds:
      holdUntil(process.env.HOLD_FILE as string);
  }
}

/** Batches that have come, and those that have gone back: the worker begins one when all before it have. */
let come = 0;
let answered = 0;
/** What is to happen when the batch of a number is begun. */
const waiting = new Map<number, () => void>();

parentPort?.on('message', (message: unknown) => {
  if (!(message instanceof ArrayBuffer)) return;
  const place = come;
  come += 1;
  // src/sampler/messages.ts: kind, categories, rows, parts, draws with points, where the result begins.
  const categories = new Uint32Array(message, 0, 5)[1];
  if (!Object.values(marks).includes(categories as never)) return;
  const begin = () => {
    // The worker does not begin what nobody wants any more.
    if (Atomics.load((workerData as WorkerData).state, unwantedColumn(place)) === 1) return;
    writeSync(stderr, `${batchLine(categories)}\n`);
    befall(categories);
  };
  if (place === answered) begin();
  else waiting.set(place, begin);
});

if (parentPort) {
  const port = parentPort;
  const post = port.postMessage.bind(port);
  port.postMessage = (message, transfer) => {
    post(message, transfer);
    if (message === 'ready') return;
    answered += 1;
    waiting.get(answered)?.();
    waiting.delete(answered);
  };
}
