/**
 * Thread entry: takes batches from the pool, draws them one at a time and in order, and moves them back with their
 * results. An error is not caught: it ends the thread, and the pool fails the batch and starts another worker.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { lowerThreadPriority } from '../../runtime/thread-priority.js';
import { batchOn, type FromWorker, stateColumns, type ToWorker, unwantedColumn, type WorkerData } from '../messages.js';
import { openDrawer } from './drawer.js';

if (!parentPort) throw new Error('worker.js runs only as a worker thread. This is a bug.');
const port = parentPort;
const { state, ...settings } = workerData as WorkerData;

/** Does work that calls ONNX Runtime, and says so to the pool meanwhile. */
async function inside<Result>(work: () => Promise<Result>): Promise<Result> {
  Atomics.store(state, stateColumns.inRuntime, 1);
  const result = await work();
  Atomics.store(state, stateColumns.inRuntime, 0);
  return result;
}

// Before ONNX Runtime starts threads of its own, which take after this one.
lowerThreadPriority();
const drawer = await inside(() => openDrawer(settings));

/** Batches taken so far. */
let taken = 0;

async function take(message: ToWorker): Promise<void> {
  if (message === 'stop') {
    port.close();
    return;
  }
  const unwanted = Atomics.load(state, unwantedColumn(taken)) === 1;
  taken += 1;
  if (!unwanted) await inside(() => drawer.draw(batchOn(message)));
  port.postMessage(message satisfies FromWorker, [message]);
}

/** The next message may come while a batch waits for the runtime. */
let last = Promise.resolve();
port.on('message', (message: ToWorker) => {
  last = last.then(() => take(message));
});
port.postMessage('ready' satisfies FromWorker);
