/**
 * A fixed number of worker threads. Each holds the batch that it draws and a few in advance, so that it need not wait
 * for the HTTP thread between batches. A worker that is lost fails only the batch that it was drawing, and is replaced.
 * A worker that does not answer in time is stuck: then the whole pool fails, and its owner ends the process.
 *
 * Workers are never terminated, but told to stop. Workaround: onnxruntime-node aborts the process if its thread ends
 * inside a native call. Reported: https://github.com/daintreehq/daintree/issues/12577
 * Explained: https://github.com/WiseLibs/better-sqlite3/issues/1507
 * Can go when onnxruntime-node is built with NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS.
 */
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { CallerGone } from '../../errors.js';
import { DrawError } from '../draw-error.js';
import type { Batch, BatchResult } from '../job.js';
import { type FromWorker, stateColumns, type WorkerData, type WorkerSettings } from '../messages.js';
import { Seat, type Task } from './seat.js';

export interface PoolOptions {
  readonly workers: number;
  readonly settings: WorkerSettings;
  /** How long a worker may hold a batch before it counts as stuck. No batch takes a hundredth of the default. */
  readonly watchdogMs: number;
  /** Milliseconds of a monotonic clock; `performance.now` in the service. */
  readonly now: () => number;
  /** Called for each worker that ends unexpectedly or cannot be replaced. */
  readonly onWorkerLost: (error: Error) => void;
  /** Called once, when a worker has held a batch for longer than watchdogMs. */
  readonly onStuck: () => void;
  /** The module of the worker threads. Tests of faults set it. */
  readonly workerUrl?: URL;
}

/**
 * - ready: a worker can draw
 * - starting: no worker can draw yet
 * - failed: too many workers were lost within a minute, one is stuck, or none is left
 */
export type PoolState = 'ready' | 'starting' | 'failed';

/** Lost workers within a minute from which the pool has failed: replacements are lost too. */
const lossesMax = 5;
const lossesWindowMs = 60_000;

/**
 * The most that one call of `watch` adds to the time that a batch has been held. If the whole process was suspended, so
 * was the worker, and its answer may have arrived already.
 */
const watchStepMsMax = 200;

/** The pause after a replacement failed to start. */
const retryMs = 1000;

/**
 * The limit of a worker's JavaScript heap. Batches and results are outside of it, so it stays small, and a leak is
 * found soon.
 */
const workerHeapMiB = 64;

export class Pool {
  readonly #options: PoolOptions;
  readonly #seats = new Set<Seat>();
  readonly #waiting: Task[] = [];
  #starting = 0;
  #stopping = false;
  #stuck = false;
  /** Times of the losses within the last minute. */
  #lossesAtMs: number[] = [];
  /** Replacements that failed to start, and when to try again. */
  #missing = 0;
  #retryAtMs = 0;
  #watchedAtMs: number;
  #whenEmpty: (() => void)[] = [];

  private constructor(options: PoolOptions) {
    this.#options = options;
    this.#watchedAtMs = options.now();
  }

  /**
   * Starts all workers. Resolves when all are ready.
   *
   * @throws {Error} the error of the first worker that failed to start; the others are stopped
   */
  static async start(options: PoolOptions): Promise<Pool> {
    const pool = new Pool(options);
    const starts = await Promise.allSettled(Array.from({ length: options.workers }, () => pool.#startWorker()));
    const failed = starts.find((start) => start.status === 'rejected');
    if (failed) {
      await pool.stop();
      throw failed.reason;
    }
    return pool;
  }

  /** Workers that are ready or drawing. */
  get alive(): number {
    return this.#seats.size;
  }

  /** Whether a worker has nothing to draw. */
  get hasIdle(): boolean {
    for (const seat of this.#seats) if (seat.batches === 0) return true;
    return false;
  }

  /** Whether a thread may be inside ONNX Runtime. */
  get inRuntime(): boolean {
    if (this.#starting > 0) return true;
    // A worker with batches may enter it at any moment. Once one is stuck, no batch is sent any more.
    return [...this.#seats].some((seat) => (this.#stuck ? seat.inRuntime : seat.batches > 0));
  }

  get state(): PoolState {
    if (this.#stuck || this.#recentLosses() >= lossesMax) return 'failed';
    if (this.#seats.size > 0) return 'ready';
    return this.#starting > 0 ? 'starting' : 'failed';
  }

  /**
   * Checks for stuck workers, marks batches in advance that no caller waits for any more, and retries replacements
   * that failed to start. Call it several times a second.
   */
  watch(): void {
    const nowMs = this.#options.now();
    const stepMs = Math.min(nowMs - this.#watchedAtMs, watchStepMsMax);
    this.#watchedAtMs = nowMs;
    let stuck = false;
    for (const seat of this.#seats) {
      if (seat.hold(stepMs) > this.#options.watchdogMs) stuck = true;
    }
    if (stuck && !this.#stuck) this.#failAll();
    for (const seat of this.#seats) seat.markUnwanted();
    if (this.#missing === 0 || this.#stopping || nowMs < this.#retryAtMs) return;
    for (let missing = this.#missing; missing > 0; missing--) this.#replace();
    this.#missing = 0;
  }

  /**
   * Draws a batch on the worker with the fewest batches. The buffer of the batch is transferred to the worker, and
   * comes back with the result in it.
   *
   * @param pack makes the batch when a worker has room, and again if that worker is lost before it began
   * @param isWanted polled until the worker begins the batch; once it returns false, the batch may stay undrawn
   * @throws {DrawError} `worker-lost`, as a rejection, when the worker ends while it draws the batch or none is left
   * @throws {CallerGone} as a rejection, when the batch stayed undrawn
   */
  run(pack: () => Batch, isWanted: () => boolean = () => true): Promise<BatchResult> {
    if (this.#stuck) return Promise.reject(workerLost());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ pack, isWanted, resolve, reject });
      this.#assign();
    });
  }

  /** Tells every worker to end once it has drawn its batches. Resolves when all threads have ended. */
  stop(): Promise<void> {
    this.#stopping = true;
    for (const seat of this.#seats) if (seat.batches === 0 || this.#stuck) seat.stop();
    if (this.#seats.size + this.#starting === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  #assign(): void {
    while (this.#waiting.length > 0) {
      const seat = this.#leastBusy();
      if (seat === undefined) break;
      const task = this.#waiting.shift() as Task;
      // While it waited for a worker its callers may have left.
      if (task.isWanted()) seat.send(task);
      else task.reject(new CallerGone());
    }
    if (this.#seats.size + this.#starting > 0) return;
    for (const task of this.#waiting.splice(0)) task.reject(workerLost());
  }

  /** The seat with the fewest batches, of those with room for one more. */
  #leastBusy(): Seat | undefined {
    let found: Seat | undefined;
    for (const seat of this.#seats) {
      if (seat.hasRoom && (found === undefined || seat.batches < found.batches)) found = seat;
    }
    return found;
  }

  /** Starts one thread. Resolves when it is ready, rejects if it ends before. */
  #startWorker(): Promise<void> {
    this.#starting += 1;
    const state = new Int32Array(new SharedArrayBuffer(4 * stateColumns.count));
    return new Promise((resolve, reject) => {
      const worker = new Worker(this.#options.workerUrl ?? new URL('../worker/entry.js', import.meta.url), {
        workerData: { ...this.#options.settings, state } satisfies WorkerData,
        // The worker sets ORT_DISABLE_TELEMETRY, which only the environment of the process passes to ONNX Runtime. See
        // onnx/session.ts.
        env: SHARE_ENV,
        resourceLimits: { maxOldGenerationSizeMb: workerHeapMiB },
      });
      let seat: Seat | undefined;
      let cause = new Error('The worker thread ended without an error message.');
      worker.on('message', (message: FromWorker) => {
        if (message === 'ready') {
          seat = new Seat(worker, state);
          this.#starting -= 1;
          this.#seats.add(seat);
          resolve();
        } else {
          if (!seat) throw new Error('A worker answered before it was ready. This is a bug.');
          seat.receive(message);
        }
        if (this.#stopping && seat.batches === 0) seat.stop();
        else this.#assign();
      });
      worker.on('error', (error) => {
        cause = error instanceof Error ? error : new Error(String(error));
      });
      worker.on('exit', () => {
        if (seat) this.#onExit(seat, cause);
        else {
          this.#starting -= 1;
          reject(cause);
        }
        this.#assign();
        if (this.#seats.size + this.#starting === 0) for (const done of this.#whenEmpty.splice(0)) done();
      });
    });
  }

  /**
   * Handles the end of a ready worker. If it was not told to stop, the batch that it was drawing fails, another worker
   * is started, and its batches in advance go back to the front of the queue.
   */
  #onExit(seat: Seat, cause: Error): void {
    this.#seats.delete(seat);
    const [drawn, ...inAdvance] = seat.removeAll();
    if (this.#stopping && !drawn) return;
    this.#lossesAtMs.push(this.#options.now());
    this.#options.onWorkerLost(cause);
    drawn?.reject(workerLost());
    if (this.#stopping) {
      for (const task of inAdvance) task.reject(workerLost());
    } else {
      this.#waiting.unshift(...inAdvance);
      this.#replace();
    }
  }

  /** Starts a worker in place of a lost one. If that fails, `watch` tries again after retryMs. */
  #replace(): void {
    this.#startWorker().catch((error) => {
      this.#lossesAtMs.push(this.#options.now());
      this.#missing += 1;
      this.#retryAtMs = this.#options.now() + retryMs;
      this.#options.onWorkerLost(error);
    });
  }

  /** Rejects every batch, for good: a worker is stuck. */
  #failAll(): void {
    this.#stuck = true;
    for (const seat of this.#seats) seat.rejectAll(workerLost());
    for (const task of this.#waiting.splice(0)) task.reject(workerLost());
    this.#options.onStuck();
  }

  #recentLosses(): number {
    const since = this.#options.now() - lossesWindowMs;
    this.#lossesAtMs = this.#lossesAtMs.filter((atMs) => atMs > since);
    return this.#lossesAtMs.length;
  }
}

function workerLost(): DrawError {
  return new DrawError('worker-lost', 'The worker thread of this draw ended before it answered. Send the draw again.');
}
