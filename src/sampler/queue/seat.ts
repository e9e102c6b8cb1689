/** A worker thread that is ready, and the batches in its hands: the one it draws, then those in advance. */
import type { Worker } from 'node:worker_threads';
import { CallerGone } from '../../errors.js';
import type { Batch, BatchResult } from '../job.js';
import { batchesPerWorker, resultOn, stateColumns, type ToWorker, unwantedColumn } from '../messages.js';

/** A batch to be drawn. */
export interface Task {
  /** Makes the batch anew when the worker that had it in advance was lost. */
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
  /** Batches that the worker has answered. */
  #answered = 0;
  /** How long it has held the first of its batches. */
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

  /** Hands a batch over; its buffer moves to the worker. */
  give(task: Task): void {
    if (this.#tasks.length === 0) this.#heldMs = 0;
    Atomics.store(this.#state, unwantedColumn(this.#answered + this.#tasks.length), 0);
    this.#tasks.push(task);
    const { buffer } = task.pack();
    this.#worker.postMessage(buffer satisfies ToWorker, [buffer]);
  }

  /** The worker has answered the first of its batches. */
  answer(buffer: ArrayBuffer): void {
    const task = this.#tasks.shift();
    if (!task) throw new Error('A worker answered twice. This is a bug.');
    const drawn = Atomics.load(this.#state, unwantedColumn(this.#answered)) === 0;
    this.#answered += 1;
    this.#heldMs = 0;
    if (drawn) task.resolve(resultOn(buffer));
    else task.reject(new CallerGone());
  }

  /** Time goes by. @returns how long the worker has held the first of its batches; 0 where it has none */
  hold(stepMs: number): number {
    if (this.#tasks.length > 0) this.#heldMs += stepMs;
    return this.#tasks.length > 0 ? this.#heldMs : 0;
  }

  /** Tells the worker which of the batches it has in advance nobody wants any more. */
  tellUnwanted(): void {
    for (const [place, task] of this.#tasks.entries()) {
      if (place > 0 && !task.isWanted()) Atomics.store(this.#state, unwantedColumn(this.#answered + place), 1);
    }
  }

  /** Tells the worker to end once it has done what it has. */
  stop(): void {
    this.#worker.postMessage('stop' satisfies ToWorker);
  }

  /** All batches that have not been answered, once the worker has ended: the one it drew first. */
  takeBack(): Task[] {
    return this.#tasks.splice(0);
  }

  /** Answers every batch with an error, and leaves it with the worker, which is stuck. */
  rejectAll(error: Error): void {
    for (const task of this.#tasks) task.reject(error);
  }
}
