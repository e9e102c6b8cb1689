/**
 * Decides when jobs run and what becomes of them; which are next is the queue's to say. Natural batching: an idle lane
 * takes the next job and every queued job of the same kind and K that fits beside it; nothing waits while a lane is
 * idle, and under load batches grow by themselves. A busy lane gets its next batches in advance when they are large
 * enough to be worth it. A job larger than a batch runs in parts. What nobody waits for any more, because its deadline
 * is over or its caller has gone, is not drawn. Knows neither threads nor ONNX: `runBatch` does the work, `defer` says
 * when to look at the queue.
 */
import { CallerGone } from '../../errors.js';
import { Bag, type BagItem } from '../../runtime/bag.js';
import { DrawError, queueFull } from '../draw-error.js';
import { type Job, type JobResult, outputWidth, type Part, patient, type Terms } from '../job.js';
import { type DeadlineOptions, Deadlines } from './deadlines.js';
import { type QueueCaller, QueueEntry } from './entry.js';
import { DrawQueue, type QueueOptions, type Taken } from './queue.js';

export interface BatcherOptions extends QueueOptions, DeadlineOptions {
  /** Batches that a lane may have, those in advance counted in. */
  readonly batchesPerLane: number;
  /**
   * So many units are worth a batch: it starts at once, also in advance on a lane that has others, so that no worker
   * pauses between two. Smaller jobs are better left to gather: a batch costs the HTTP thread as much as a small
   * request.
   */
  readonly worthUnitsMin: number;
  /**
   * Draws the parts (all of one kind and K), which cost so many units, and resolves to one result a part, in order. It
   * may give up once isWanted says no.
   */
  readonly runBatch: (parts: readonly Part[], isWanted: () => boolean, units: number) => Promise<readonly JobResult[]>;
  /** Makes the result of a job that is drawn in parts, for them to fill. */
  readonly allocate: (job: Job) => JobResult;
  /** Given each result that nobody will read any more: what was copied, or came too late. */
  readonly release: (result: JobResult) => void;
  /** Told how long each job waited for its first part to be taken. */
  readonly waited: (waitMs: number) => void;
  /** Runs a callback after the jobs that are arriving right now have been submitted; `setImmediate` in the service. */
  readonly defer: (callback: () => void) => void;
}

/** A job on its way: its place in the queue, and what has come back. */
class Ticket extends QueueEntry implements BagItem {
  place = 0;
  resolve: (result: JobResult) => void = unset;
  reject: (error: unknown) => void = unset;
  /** When it was submitted; undefined once its first part has been taken. */
  submittedAtMs: number | undefined;
  /** Draws whose results have not come back. */
  drawsUndone: number;
  settled = false;
  result: JobResult | undefined;

  constructor(job: Job, terms: Terms, caller: QueueCaller, { batchUnitsMax, now }: BatcherOptions) {
    super(job, terms, caller, batchUnitsMax);
    this.submittedAtMs = now();
    this.drawsUndone = this.draws;
  }
}

/** Until a ticket has its promise. */
function unset(): never {
  throw new Error('A ticket settled before it was queued. This is a bug.');
}

export class Batcher {
  readonly #options: BatcherOptions;
  readonly #queue: DrawQueue<Ticket>;
  readonly #deadlines: Deadlines;
  #running = 0;
  /** Units of the batches that run. */
  #runningUnits = 0;
  #deferred = false;
  readonly #unsettled = new Bag<Ticket>();
  #whenIdle: (() => void)[] = [];

  constructor(options: BatcherOptions) {
    this.#options = options;
    this.#queue = new DrawQueue(options);
    this.#deadlines = new Deadlines(options);
  }

  /** What waits to be drawn: units, and the jobs they belong to. */
  get queued(): { readonly units: number; readonly requests: number } {
    return this.#queue.counts;
  }

  /** `overloaded` if whatever a caller sends now would be refused. */
  refusal(caller: object): DrawError | undefined {
    return this.#queue.refuses(caller) ? queueFull : undefined;
  }

  /** Whether `refusal` could be there for anybody; cheap, and false unless there is much to do. */
  get mayRefuse(): boolean {
    return this.#queue.mayRefuse;
  }

  /** `too-much-work` for a job of so many units and draws that an idle replica would not finish by its deadline. */
  tooMuch(units: number, draws: number, terms: Terms): DrawError | undefined {
    return this.#deadlines.tooMuch(units, draws, terms);
  }

  /**
   * Queues a job. The promise settles exactly once.
   *
   * @throws {DrawError} as a rejection: `overloaded` when there is no room for it or it would not be done in time,
   *   `deadline-exceeded` when its time is over
   * @throws {CallerGone} as a rejection, when nobody waits for it any more
   */
  submit(job: Job, terms: Terms = patient()): Promise<JobResult> {
    const ticket = new Ticket(job, terms, this.#queue.callerOf(terms.caller), this.#options);
    if (this.#options.now() >= terms.deadlineAtMs) return Promise.reject(tooLate());
    if (!this.#queue.admits(ticket)) return Promise.reject(queueFull);
    const lateMs = this.#deadlines.lateMs(ticket, this.#queue, this.#runningUnits);
    if (lateMs > 0) return Promise.reject(notInTime(lateMs));
    return new Promise((resolve, reject) => {
      ticket.resolve = resolve;
      ticket.reject = reject;
      this.#unsettled.add(ticket);
      this.#queue.add(ticket);
      this.#look();
    });
  }

  /**
   * Answers the callers whose time is over, and forgets those who have gone, also while every lane is busy. Call it now
   * and then: what is taken from the queue is looked at anyway.
   */
  sweep(): void {
    const nowMs = this.#options.now();
    for (const ticket of this.#unsettled) this.#drop(ticket, nowMs);
  }

  /** Resolves once every job submitted so far and since has settled. */
  idle(): Promise<void> {
    if (this.#unsettled.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  #look(): void {
    if (!this.#mayStart()) return;
    if (this.#isWorthABatch()) {
      this.#startBatches();
      return;
    }
    if (this.#deferred) return;
    this.#deferred = true;
    this.#options.defer(() => {
      this.#deferred = false;
      this.#startBatches();
    });
  }

  #startBatches(): void {
    while (this.#mayStart()) {
      const taken = this.#take();
      if (taken.parts.length > 0) this.#start(taken);
    }
  }

  /** Whether what waits need not wait for more of its kind. */
  #isWorthABatch(): boolean {
    return this.#queue.counts.units >= this.#options.worthUnitsMin;
  }

  #mayStart(): boolean {
    if (this.#queue.isEmpty) return false;
    const { lanes, batchesPerLane } = this.#options;
    if (this.#running < lanes) return true;
    // In advance only what is short: behind a long row in advance a small draw would wait for both.
    return this.#running < batchesPerLane * lanes && this.#isWorthABatch() && !this.#queue.nextIsLongRow;
  }

  #take(): Taken<Ticket> {
    const nowMs = this.#options.now();
    const taken = this.#queue.take((ticket) => this.#drop(ticket, nowMs));
    for (const ticket of taken.entries) {
      if (ticket.submittedAtMs !== undefined) this.#options.waited(nowMs - ticket.submittedAtMs);
      ticket.submittedAtMs = undefined;
    }
    if (taken.entries[0]?.large === false) this.#deadlines.countSmall(taken.units);
    return taken;
  }

  /** Settles a job that nobody waits for any more; says whether it was one. */
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

  #start({ entries, parts, units }: Taken<Ticket>): void {
    this.#running += 1;
    this.#runningUnits += units;
    for (const [index, { terms }] of entries.entries()) terms.begunDraws += drawsOf(parts[index] as Part);
    this.#options
      .runBatch(parts, () => entries.some(({ settled }) => !settled), units)
      .then((results) => {
        if (results.length !== parts.length) throw new Error('A batch lost or gained results. This is a bug.');
        for (const [index, ticket] of entries.entries()) {
          this.#accept(ticket, parts[index] as Part, results[index] as JobResult);
        }
      })
      .catch((error) => {
        for (const ticket of entries) this.#fail(ticket, error);
      })
      .finally(() => {
        this.#running -= 1;
        this.#runningUnits -= units;
        this.#look();
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

  /** Rejects a job, and takes what still waits of it out of the queue. */
  #fail(ticket: Ticket, error: unknown): void {
    if (ticket.settled) return;
    this.#queue.remove(ticket);
    this.#settle(ticket, () => ticket.reject(error));
  }

  #settle(ticket: Ticket, answer: () => void): void {
    ticket.settled = true;
    this.#unsettled.delete(ticket);
    answer();
    if (this.#unsettled.size === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}

function tooLate(): DrawError {
  return new DrawError('deadline-exceeded', 'The draw was not done in time, and was given up.');
}

function notInTime(lateMs: number): DrawError {
  const text = 'With the draws that wait already, this one would not be done by its deadline.';
  return new DrawError('overloaded', text, { retryAfterSeconds: Math.max(1, Math.ceil(lateMs / 1000)) });
}

function drawsOf({ rowCount, sampleCount }: Part): number {
  return rowCount * sampleCount;
}

/** Copies the results of a part to their place in those of its job. */
function gather(whole: JobResult, part: Part, result: JobResult): void {
  const { job } = part;
  const firstDraw = part.sampleStart * job.rows + part.rowStart;
  for (const name of job.outputs) whole[name]?.set(result[name] ?? [], firstDraw * outputWidth(job, name));
}
