/** A ready worker thread in the pool, and the batches that it holds: the one it draws, then those in advance. */
import type { Worker } from 'node:worker_threads';
import { CallerGone } from '../../errors.js';
import type { Batch, BatchResult } from '../job.js';
import { batchesPerWorker, resultOn, stateColumns, type ToWorker, unwantedColumn } from '../messages.js';

/** A batch to draw, and the promise of its result. */
export interface Task {
  /** Makes the batch. Called again if the worker that held it in advance is lost. */
  readonly pack: () => Batch;
  readonly isWanted: () => boolean;
  readonly resolve: (result: BatchResult) => void;
  readonly reject: (error: unknown) => void;
}

export class Seat {
  readonly #worker: Worker;
  /** Shared with the worker, see stateColumns. */
  readonly #state: Int32Array;
  readonly #tasks: Task[] = [];
  /** The number of batches that the worker has answered: the index of #tasks[0] for unwantedColumn. */
  #answered = 0;
  /** How long the worker has held its first batch. */
  #heldMs = 0;

  constructor(worker: Worker, state: Int32Array) {
    this.#worker = worker;
    this.#state = state;
  }

  get batches(): number {
    return this.#tasks.length;
  }

  get hasRoom(): boolean {
    return this.#tasks.length < batchesPerWorker;
  }

  /** Whether the thread is inside ONNX Runtime. */
  get inRuntime(): boolean {
    return Atomics.load(this.#state, stateColumns.inRuntime) === 1;
  }

  /** Sends a batch. Transfers its buffer to the worker. */
  send(task: Task): void {
    if (this.#tasks.length === 0) this.#heldMs = 0;
    Atomics.store(this.#state, unwantedColumn(this.#answered + this.#tasks.length), 0);
    this.#tasks.push(task);
    const { buffer } = task.pack();
    this.#worker.postMessage(buffer satisfies ToWorker, [buffer]);
  }

  /** Settles the first batch, which the worker has sent back in `buffer`. */
  receive(buffer: ArrayBuffer): void {
    const task = this.#tasks.shift();
    if (!task) throw new Error('A worker answered a batch that it does not hold. This is a bug.');
    const drawn = Atomics.load(this.#state, unwantedColumn(this.#answered)) === 0;
    this.#answered += 1;
    this.#heldMs = 0;
    if (drawn) task.resolve(resultOn(buffer));
    else task.reject(new CallerGone());
  }

  /** Adds to the time held. @returns how long the worker has held its first batch; 0 if it holds none */
  hold(stepMs: number): number {
    if (this.#tasks.length > 0) this.#heldMs += stepMs;
    return this.#tasks.length > 0 ? this.#heldMs : 0;
  }

  /** Marks the batches in advance that no caller waits for any more. The worker does not draw them. */
  markUnwanted(): void {
    for (const [index, task] of this.#tasks.entries()) {
      if (index > 0 && !task.isWanted()) Atomics.store(this.#state, unwantedColumn(this.#answered + index), 1);
    }
  }

  /** Tells the worker to end once it has drawn the batches that it holds. */
  stop(): void {
    this.#worker.postMessage('stop' satisfies ToWorker);
  }

  /** Takes all unanswered batches from a worker that has ended. The first is the one that it was drawing. */
  removeAll(): Task[] {
    return this.#tasks.splice(0);
  }

  /** Rejects every batch. The worker is stuck and keeps them. */
  rejectAll(error: Error): void {
    for (const task of this.#tasks) task.reject(error);
  }
}
