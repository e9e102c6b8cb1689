/**
 * The entry of a worker thread. Receives batches from the pool, draws them in order, one at a time, and transfers each
 * back with its result. Errors are not caught: one ends the thread, and the pool fails the batch and starts another
 * worker.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { lowerThreadPriority } from '../../runtime/thread-priority.js';
import { batchOn, type FromWorker, stateColumns, type ToWorker, unwantedColumn, type WorkerData } from '../messages.js';
import { openDrawer } from './drawer.js';

if (!parentPort) throw new Error('sampler/worker/entry.js runs only as a worker thread. This is a bug.');
const port = parentPort;
const { state, ...settings } = workerData as WorkerData;

/** Sets the flag inRuntime, which the pool reads, during work that calls ONNX Runtime. */
async function inRuntime<Result>(work: () => Promise<Result>): Promise<Result> {
  Atomics.store(state, stateColumns.inRuntime, 1);
  const result = await work();
  Atomics.store(state, stateColumns.inRuntime, 0);
  return result;
}

// Before ONNX Runtime starts threads: a thread inherits the niceness of its parent.
lowerThreadPriority();
const drawer = await inRuntime(() => openDrawer(settings));

/** The number of batches received so far. */
let received = 0;

async function receive(message: ToWorker): Promise<void> {
  if (message === 'stop') {
    port.close();
    return;
  }
  const unwanted = Atomics.load(state, unwantedColumn(received)) === 1;
  received += 1;
  if (!unwanted) await inRuntime(() => drawer.draw(batchOn(message)));
  port.postMessage(message satisfies FromWorker, [message]);
}

/** The work on the last message. The next one may arrive during an await, and must wait for it. */
let last = Promise.resolve();
port.on('message', (message: ToWorker) => {
  last = last.then(() => receive(message));
});
port.postMessage('ready' satisfies FromWorker);
