/**
 * Decides when batches start, and settles jobs. queue.ts decides which jobs are next. A lane is a worker.
 *
 * Natural batching: an idle lane takes the next job and every queued job of the same kind and K that fits into the
 * batch. No job waits while a lane is idle, and under load batches grow by themselves. A busy lane gets further batches
 * in advance if they are large enough. A job larger than a batch runs in parts. A job is dropped undrawn if its
 * deadline has passed or its client has left.
 *
 * Small jobs that are little work together cost less than the message to a worker and back. `runInline` draws them on
 * this thread at the end of the turn, one batch at a time, also while every lane is busy.
 *
 * The batcher knows neither threads nor ONNX: `runBatch` and `runInline` draw, and `defer` schedules.
 */
import { CallerGone } from '../../errors.js';
import { Bag, type BagItem } from '../../runtime/bag.js';
import { DrawError, queueFull } from '../draw-error.js';
import { type Job, type JobResult, outputWidth, type Part, type Terms, unlimitedTerms } from '../job.js';
import { type DeadlineOptions, Deadlines } from './deadlines.js';
import { DrawQueue, type QueueOptions } from './queue.js';
import { type QueueCaller, QueueEntry } from './queue-entry.js';
import type { TakenBatch } from './taken-batch.js';

export interface BatcherOptions extends QueueOptions, DeadlineOptions {
  /** The most batches of a lane, including those in advance. */
  readonly batchesPerLane: number;
  /**
   * Queued units from which a batch starts at once, also in advance on a busy lane, so that no worker pauses between
   * two batches. Below, jobs gather until the end of the turn, since a batch costs the HTTP thread as much as a small
   * request.
   */
  readonly worthUnitsMin: number;
  /**
   * Draws a batch, whose parts are all of one kind and K. It may wait: before the inputs are read, and before they are
   * read again, call dropSettled. Resolves to one result for each part that is left, in order. May reject without
   * drawing once the batch is not wanted.
   */
  readonly runBatch: (batch: TakenBatch) => Promise<readonly JobResult[]>;
  /**
   * Whether a lane has no batch. Then a batch may start although others hold batches in advance. By default false.
   */
  readonly hasIdleLane?: () => boolean;
  /** Draws parts at once, on this thread, in batches of less than `worthUnitsMin`; undefined if workers draw all. */
  readonly runInline?: ((parts: readonly Part[]) => Promise<readonly JobResult[]>) | undefined;
  /**
   * Units below which several jobs run inline; a single one does below `worthUnitsMin`. With more of them this thread
   * is busy, and they share the message to a worker. By default `worthUnitsMin`.
   */
  readonly inlineUnitsMax?: number;
  /** Allocates the result of a job that is drawn in parts. */
  readonly allocate: (job: Job) => JobResult;
  /** Called with each result of a part that is not read any more: it was copied, or its job has settled before. */
  readonly release: (result: JobResult) => void;
  /** Called for each job when its first part leaves the queue. */
  readonly waited: (waitMs: number) => void;
  /** Runs a callback after all jobs of this turn of the event loop are submitted; `setImmediate` in the service. */
  readonly defer: (callback: () => void) => void;
}

/** A submitted job: its queue entry, its promise and the results of its parts so far. */
class Ticket extends QueueEntry implements BagItem {
  bagIndex = 0;
  resolve: (result: JobResult) => void = unset;
  reject: (error: unknown) => void = unset;
  /** The time of submission; undefined once the first part has left the queue. */
  submittedAtMs: number | undefined;
  /** Draws without a result so far. */
  drawsUndone: number;
  result: JobResult | undefined;

  constructor(job: Job, terms: Terms, caller: QueueCaller, { batchUnitsMax, now }: BatcherOptions) {
    super(job, terms, caller, batchUnitsMax);
    this.submittedAtMs = now();
    this.drawsUndone = this.draws;
  }
}

/** Stands for resolve and reject until the ticket has its promise. */
function unset(): never {
  throw new Error('A ticket settled before it was queued. This is a bug.');
}

export class Batcher {
  readonly #options: BatcherOptions;
  readonly #queue: DrawQueue<Ticket>;
  readonly #deadlines: Deadlines;
  #running = 0;
  /** Units of the running batches. */
  #runningUnits = 0;
  #deferred = false;
  /** Whether a batch is drawn on this thread. */
  #inlineRuns = false;
  readonly #unsettled = new Bag<Ticket>();
  #whenIdle: (() => void)[] = [];

  constructor(options: BatcherOptions) {
    this.#options = options;
    this.#queue = new DrawQueue(options);
    this.#deadlines = new Deadlines(options);
  }

  /** Units in the queue, and the number of jobs that they belong to. */
  get queued(): { readonly units: number; readonly requests: number } {
    return this.#queue.counts;
  }

  /** `overloaded` if the queue would refuse any job of this caller now. */
  refusal(caller: object): DrawError | undefined {
    return this.#queue.refuses(caller) ? queueFull : undefined;
  }

  /** Whether `refusal` may return an error for any caller. Cheaper than `refusal`. */
  get mayRefuse(): boolean {
    return this.#queue.mayRefuse;
  }

  /** `too-much-work` if an idle sampler would not finish a job of so many units and draws by its deadline. */
  tooMuch(units: number, draws: number, terms: Terms): DrawError | undefined {
    return this.#deadlines.tooMuch(units, draws, terms);
  }

  /**
   * Queues a job. The promise settles exactly once.
   *
   * @throws {DrawError} as a rejection: `overloaded` when the queue has no room or the job would miss its deadline,
   *   `deadline-exceeded` when the deadline has passed
   * @throws {CallerGone} as a rejection, when the client has left
   */
  submit(job: Job, terms: Terms = unlimitedTerms()): Promise<JobResult> {
    const ticket = new Ticket(job, terms, this.#queue.callerOf(terms.caller), this.#options);
    // Read once: a deadline that passed between two readings would get the answer of a full queue.
    const nowMs = this.#options.now();
    if (nowMs >= terms.deadlineAtMs) return Promise.reject(tooLate());
    if (!this.#queue.admits(ticket)) return Promise.reject(queueFull);
    const lateMs = this.#deadlines.lateMs(ticket, this.#queue, this.#runningUnits, nowMs);
    if (lateMs > 0) return Promise.reject(wouldBeLate(lateMs));
    return new Promise((resolve, reject) => {
      ticket.resolve = resolve;
      ticket.reject = reject;
      this.#unsettled.add(ticket);
      this.#queue.add(ticket);
      terms.trace?.queued(nowMs);
      this.#schedule();
    });
  }

  /**
   * Drops every job whose deadline has passed or whose client has left. Call it at intervals, so that clients get
   * their answers while every lane is busy. Jobs that leave the queue are checked without it. Also starts batches: a
   * lane may have come back.
   */
  sweep(): void {
    const nowMs = this.#options.now();
    for (const ticket of this.#unsettled) this.#drop(ticket, nowMs);
    this.#schedule();
  }

  /** Resolves once no job is unsettled and no batch runs. A batch may outlive its jobs. */
  idle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  get #isIdle(): boolean {
    return this.#unsettled.size === 0 && this.#running === 0 && !this.#inlineRuns;
  }

  #schedule(): void {
    if (this.#isWorthABatch()) this.#startBatches();
    if (this.#deferred || !(this.#mayRunInline() || this.#mayStart())) return;
    this.#deferred = true;
    this.#options.defer(() => {
      this.#deferred = false;
      if (this.#mayRunInline()) this.#startInline();
      this.#startBatches();
      // The batches may have left little enough work for this thread.
      if (this.#mayRunInline()) this.#startInline();
    });
  }

  #startBatches(): void {
    while (this.#mayStart()) {
      const taken = this.#take('all');
      if (taken.parts.length > 0) this.#start(taken);
    }
  }

  #mayRunInline(): boolean {
    return this.#options.runInline !== undefined && !this.#inlineRuns && this.#smallUnits > 0 && this.#isInlineWork;
  }

  /** Whether the small jobs in the queue are little enough work for this thread. */
  get #isInlineWork(): boolean {
    const { worthUnitsMin, inlineUnitsMax = worthUnitsMin } = this.#options;
    const { requests } = this.#queue.counts;
    return this.#smallUnits < (requests === 1 ? worthUnitsMin : inlineUnitsMax);
  }

  get #smallUnits(): number {
    const { units, largeUnits } = this.#queue.counts;
    return units - largeUnits;
  }

  #startInline(): void {
    const taken = this.#take('small');
    const drawn = taken.parts.length > 0 ? this.#options.runInline?.(taken.parts) : undefined;
    if (drawn === undefined) return;
    this.#inlineRuns = true;
    this.#settleBatch(taken, drawn, () => {
      this.#inlineRuns = false;
    });
  }

  /** Whether the queue has enough units to start a batch before the end of the turn, or in advance. */
  #isWorthABatch(): boolean {
    return this.#queue.counts.units >= this.#options.worthUnitsMin;
  }

  #mayStart(): boolean {
    if (this.#queue.isEmpty) return false;
    const { lanes, batchesPerLane, runInline, hasIdleLane } = this.#options;
    // They wait for this thread; what is left of a large job waits for a worker.
    if (runInline !== undefined && this.#queue.counts.largeUnits === 0 && this.#isInlineWork) return false;
    if (this.#running < lanes || hasIdleLane?.()) return true;
    // A long row never goes in advance: a small draw behind it would wait for two long batches (head-of-line blocking).
    return this.#running < batchesPerLane * lanes && this.#isWorthABatch() && !this.#queue.nextIsLongRow;
  }

  #take(jobs: 'small' | 'all'): TakenBatch<Ticket> {
    const nowMs = this.#options.now();
    const taken = this.#queue.take(jobs, (ticket) => this.#drop(ticket, nowMs));
    for (const ticket of taken.entries) {
      if (ticket.submittedAtMs !== undefined) this.#options.waited(nowMs - ticket.submittedAtMs);
      ticket.submittedAtMs = undefined;
      ticket.terms.trace?.begun(nowMs);
    }
    return taken;
  }

  /** Rejects a job if its client has left or its deadline has passed. @returns whether it did */
  #drop(ticket: Ticket, nowMs: number): boolean {
    const { deadlineAtMs, isGone } = ticket.terms;
    if (isGone()) {
      this.#fail(ticket, new CallerGone());
    } else if (nowMs >= deadlineAtMs) {
      this.#fail(ticket, tooLate());
    } else {
      return false;
    }
    return true;
  }

  #start(taken: TakenBatch<Ticket>): void {
    if (!taken.entries[0].large) this.#deadlines.countSmall(taken.units);
    this.#running += 1;
    this.#settleBatch(taken, this.#options.runBatch(taken), () => {
      this.#running -= 1;
    });
  }

  /** Settles the jobs of a batch. Calls `onEnd` before the next batch is scheduled. */
  #settleBatch(taken: TakenBatch<Ticket>, drawn: Promise<readonly JobResult[]>, onEnd: () => void): void {
    const { units } = taken;
    this.#runningUnits += units;
    for (const [index, { terms }] of taken.entries.entries()) terms.begunDraws += drawsOf(taken.parts[index]);
    drawn
      .then((results) => {
        const { entries, parts } = taken;
        if (results.length !== parts.length) throw new Error('A batch lost or gained results. This is a bug.');
        for (const [index, ticket] of entries.entries()) {
          this.#accept(ticket, parts[index], results[index]);
        }
      })
      .catch((error) => {
        for (const ticket of taken.entries) this.#fail(ticket, error);
      })
      .finally(() => {
        onEnd();
        this.#runningUnits -= units;
        this.#schedule();
        this.#answerIdle();
      });
  }

  #accept(ticket: Ticket, part: Part, result: JobResult): void {
    if (ticket.settled) {
      this.#options.release(result);
      return;
    }
    const draws = drawsOf(part);
    ticket.drawsUndone -= draws;
    if (draws === ticket.draws) {
      ticket.result = result;
    } else {
      ticket.result ??= this.#options.allocate(ticket.job);
      gather(ticket.result, part, result);
      this.#options.release(result);
    }
    if (ticket.drawsUndone === 0) this.#settle(ticket, () => ticket.resolve(ticket.result as JobResult));
  }

  /** Rejects a job, removes what is left of it from the queue, and releases the results of its parts. */
  #fail(ticket: Ticket, error: unknown): void {
    if (ticket.settled) return;
    this.#queue.remove(ticket);
    if (ticket.result) this.#options.release(ticket.result);
    this.#settle(ticket, () => ticket.reject(error));
  }

  #settle(ticket: Ticket, answer: () => void): void {
    ticket.settled = true;
    this.#unsettled.delete(ticket);
    answer();
    this.#answerIdle();
  }

  #answerIdle(): void {
    if (this.#isIdle) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}

function tooLate(): DrawError {
  return new DrawError(
    'deadline-exceeded',
    'The draw missed its deadline. Send it again, ask for less at once, or set a later deadline.',
  );
}

function wouldBeLate(lateMs: number): DrawError {
  const text = 'Behind the draws in the queue this draw would miss its deadline. Send it again later.';
  return new DrawError('overloaded', text, { retryAfterSeconds: Math.max(1, Math.ceil(lateMs / 1000)) });
}

function drawsOf({ rowCount, sampleCount }: Part): number {
  return rowCount * sampleCount;
}

/** Copies the result of a part into the result of its job. */
function gather(whole: JobResult, part: Part, result: JobResult): void {
  const { job } = part;
  const firstDraw = part.sampleStart * job.rows + part.rowStart;
  for (const name of job.outputs) whole[name]?.set(result[name] ?? [], firstDraw * outputWidth(job, name));
}
