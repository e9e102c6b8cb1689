/**
 * A fixed set of worker threads, each with the batch it draws and a few in advance, so that it need not wait for the
 * HTTP thread between them. A worker that is lost fails only the batch it drew and is replaced; one that does not
 * answer in time makes the whole pool useless, and its owner ends the process. Workers are never terminated: ONNX
 * Runtime would abort the process if one were inside a run, so they are told to stop and end by themselves.
 */
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { DrawError } from '../draw-error.js';
import type { Batch, BatchResult } from '../job.js';
import { type FromWorker, stateColumns, type WorkerData, type WorkerSettings } from '../messages.js';
import { Seat, type Task } from './seat.js';

export interface PoolOptions {
  readonly workers: number;
  readonly settings: WorkerSettings;
  /** Longest time a worker may hold a batch; none takes a hundredth of the default. */
  readonly watchdogMs: number;
  /** Milliseconds of a clock that never goes back; `performance.now` in the service. */
  readonly now: () => number;
  /** Called for each worker that ends without being asked to. */
  readonly onLost: (error: Error) => void;
  /** Called once, when a worker has held a batch for longer than it may. */
  readonly onStuck: () => void;
  /** The module each thread runs; tests of faults give their own. */
  readonly workerUrl?: URL;
}

/** ready: a worker can draw. starting: none can yet. lost: too many were lost lately, or one is stuck. */
export type PoolState = 'ready' | 'starting' | 'lost';

/** So many losses within a minute are no accident: something kills every worker that takes its place. */
const lossesMax = 5;
const lossesWindowMs = 60_000;

/**
 * The most that one look adds to the time a batch has been held: if the whole process stood still, so did the worker,
 * and its answer may be there already.
 */
const watchStepMsMax = 200;

/** How long to wait after a worker could not start before another is tried. */
const retryMs = 1000;

/**
 * A worker's heap holds the code and little else, since batches and results lie outside of it; so one that grows is
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
  /** When workers were lost, within the last minute. */
  #lossesAtMs: number[] = [];
  /** Seats whose next worker could not start, and when to try again. */
  #missing = 0;
  #retryAtMs = 0;
  #watchedAtMs: number;
  #whenEmpty: (() => void)[] = [];

  private constructor(options: PoolOptions) {
    this.#options = options;
    this.#watchedAtMs = options.now();
  }

  /**
   * Starts every worker and resolves when all are ready.
   *
   * @throws {Error} what the first worker that could not start says; the others are stopped
   */
  static async start(options: PoolOptions): Promise<Pool> {
    const pool = new Pool(options);
    const starts = await Promise.allSettled(Array.from({ length: options.workers }, () => pool.#hire()));
    const failed = starts.find((start) => start.status === 'rejected');
    if (failed) {
      await pool.stop();
      throw failed.reason;
    }
    return pool;
  }

  /** Workers that are ready to draw or drawing. */
  get alive(): number {
    return this.#seats.size;
  }

  /** Whether a thread may be inside ONNX Runtime, which aborts the process when its threads are ended then. */
  get inRuntime(): boolean {
    if (this.#starting > 0) return true;
    // One that works may enter it any moment; one that is stuck is where it was.
    return [...this.#seats].some((seat) => (this.#stuck ? seat.inRuntime : seat.batches > 0));
  }

  get state(): PoolState {
    if (this.#stuck || this.#recentLosses() >= lossesMax) return 'lost';
    if (this.#seats.size > 0) return 'ready';
    return this.#starting > 0 ? 'starting' : 'lost';
  }

  /**
   * Looks for a worker that is stuck and for batches that nobody wants any more before they are begun, and fills seats
   * whose worker could not start. Call it several times a second.
   */
  watch(): void {
    const nowMs = this.#options.now();
    const stepMs = Math.min(nowMs - this.#watchedAtMs, watchStepMsMax);
    this.#watchedAtMs = nowMs;
    let stuck = false;
    for (const seat of this.#seats) {
      if (seat.hold(stepMs) > this.#options.watchdogMs) stuck = true;
    }
    if (stuck && !this.#stuck) this.#giveUp();
    for (const seat of this.#seats) seat.tellUnwanted();
    if (this.#missing === 0 || this.#stopping || nowMs < this.#retryAtMs) return;
    for (let missing = this.#missing; missing > 0; missing--) this.#replace();
    this.#missing = 0;
  }

  /**
   * Draws a batch on the worker that has the least to do. The batch's buffer is moved to the worker, and comes back
   * with the result.
   *
   * @param pack makes the batch, of the same contents whenever it is called
   * @param isWanted asked now and then until the batch is begun; once it says no, the batch need not be drawn
   * @throws {DrawError} `worker-lost`, as a rejection, when the worker ends while it draws the batch or none is left
   * @throws {CallerGone} as a rejection, when it was not wanted any more
   */
  run(pack: () => Batch, isWanted: () => boolean = () => true): Promise<BatchResult> {
    if (this.#stuck) return Promise.reject(lost());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ pack, isWanted, resolve, reject });
      this.#assign();
    });
  }

  /** Lets every worker finish its batch and end; resolves when all threads are gone. */
  stop(): Promise<void> {
    this.#stopping = true;
    for (const seat of this.#seats) if (seat.batches === 0 || this.#stuck) seat.stop();
    if (this.#seats.size + this.#starting === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  #assign(): void {
    while (this.#waiting.length > 0) {
      const seat = this.#freest();
      if (seat === undefined) break;
      seat.give(this.#waiting.shift() as Task);
    }
    if (this.#seats.size + this.#starting > 0) return;
    for (const task of this.#waiting.splice(0)) task.reject(lost());
  }

  /** The seat with the fewest batches, if it may have one more. */
  #freest(): Seat | undefined {
    let freest: Seat | undefined;
    for (const seat of this.#seats) {
      if (seat.hasRoom && (freest === undefined || seat.batches < freest.batches)) freest = seat;
    }
    return freest;
  }

  /** Starts one thread; resolves when it is ready, rejects if it ends before. */
  #hire(): Promise<void> {
    this.#starting += 1;
    const state = new Int32Array(new SharedArrayBuffer(4 * stateColumns.count));
    return new Promise((resolve, reject) => {
      const worker = new Worker(this.#options.workerUrl ?? new URL('../worker/entry.js', import.meta.url), {
        workerData: { ...this.#options.settings, state } satisfies WorkerData,
        // ONNX Runtime reads its switches from the environment of the process, which a copy would not reach.
        env: SHARE_ENV,
        resourceLimits: { maxOldGenerationSizeMb: workerHeapMiB },
      });
      let seat: Seat | undefined;
      let cause = new Error('The worker thread ended without a word.');
      worker.on('message', (message: FromWorker) => {
        if (message === 'ready') {
          seat = new Seat(worker, state);
          this.#starting -= 1;
          this.#seats.add(seat);
          resolve();
        } else {
          if (!seat) throw new Error('A worker answered before it was ready. This is a bug.');
          seat.answer(message);
        }
        if (this.#stopping && seat.batches === 0) seat.stop();
        else this.#assign();
      });
      worker.on('error', (error) => {
        cause = error instanceof Error ? error : new Error(String(error));
      });
      worker.on('exit', () => {
        if (seat) this.#dismiss(seat, cause);
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
   * A ready worker has ended: when nobody asked it to, the batch it drew fails, and another worker takes its place and
   * what it had in advance.
   */
  #dismiss(seat: Seat, cause: Error): void {
    this.#seats.delete(seat);
    const [drawn, ...inAdvance] = seat.takeBack();
    if (this.#stopping && !drawn) return;
    this.#lossesAtMs.push(this.#options.now());
    this.#options.onLost(cause);
    drawn?.reject(lost());
    if (this.#stopping) {
      for (const task of inAdvance) task.reject(lost());
    } else {
      this.#waiting.unshift(...inAdvance);
      this.#replace();
    }
  }

  /** Hires a worker in the place of another; where that fails, the pool is one short until it tries again. */
  #replace(): void {
    this.#hire().catch((error) => {
      this.#lossesAtMs.push(this.#options.now());
      this.#missing += 1;
      this.#retryAtMs = this.#options.now() + retryMs;
      this.#options.onLost(error);
    });
  }

  /** All callers are answered, and nothing is drawn any more. */
  #giveUp(): void {
    this.#stuck = true;
    for (const seat of this.#seats) seat.rejectAll(lost());
    for (const task of this.#waiting.splice(0)) task.reject(lost());
    this.#options.onStuck();
  }

  #recentLosses(): number {
    const since = this.#options.now() - lossesWindowMs;
    this.#lossesAtMs = this.#lossesAtMs.filter((atMs) => atMs > since);
    return this.#lossesAtMs.length;
  }
}

function lost(): DrawError {
  return new DrawError('worker-lost', 'The worker that held this draw ended before it answered.');
}
