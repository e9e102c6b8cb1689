/**
 * Decides which jobs run together and when. Natural batching: an idle lane takes the oldest job and every queued job of
 * the same kind and K that fits beside it; nothing waits while a lane is idle, and under load batches grow by themselves.
 * A busy lane gets its next batches in advance when they are large enough to be worth it.
 * A job larger than a batch runs in parts and goes to the back of the queue after each, so no job holds the others up.
 * What nobody waits for any more, because its deadline is over or its caller has gone, is not drawn.
 * Knows neither threads nor ONNX: `runBatch` does the work, `defer` says when to look at the queue.
 */
import { CallerGone, Problem } from '../errors.js';
import { type Placed, ShortLivedSet } from '../short-lived-set.js';
import { type Job, type JobResult, jobElements, outputs, type Part, patient, type Terms } from './job.js';

export interface BatcherOptions {
  /** Batches that may run at once: one a worker. */
  readonly lanes: number;
  /** Batches that a lane may have, those in advance counted in. */
  readonly batchesPerLane: number;
  /**
   * So many elements are worth a batch: it starts at once, also in advance on a lane that has others, so that no worker pauses between two.
   * Smaller jobs are better left to gather: a batch costs the HTTP thread as much as a small request.
   */
  readonly worthElementsMin: number;
  /** Elements one batch draws at most; a single row may have more. */
  readonly batchElementsMax: number;
  /**
   * With so many elements the queue is full. A job is taken whatever its size while nothing waits, and counts for at most an eighth of
   * this: a large one keeps no small one out, since they take turns.
   */
  readonly queueElementsMax: number;
  /** Jobs that may wait. */
  readonly queueRequestsMax: number;
  /** Draws the parts (all of one kind and K) and resolves to one result a part, in order. It may give up once isWanted says no. */
  readonly runBatch: (parts: readonly Part[], isWanted: () => boolean) => Promise<readonly JobResult[]>;
  /** Makes the result of a job that is drawn in parts, for them to fill. */
  readonly allocate: (job: Job) => JobResult;
  /** Given each result that nobody will read any more: what was copied, or came too late. */
  readonly release: (result: JobResult) => void;
  /** Milliseconds of a clock that never goes back; `performance.now` in the service. */
  readonly now: () => number;
  /** Told how long each job waited for its first part to be taken. */
  readonly waited: (waitMs: number) => void;
  /** Runs a callback after the jobs that are arriving right now have been submitted; `setImmediate` in the service. */
  readonly defer: (callback: () => void) => void;
}

/** A job on its way: where its next part starts, and what has come back. */
interface Ticket extends Placed {
  readonly job: Job;
  readonly terms: Terms;
  readonly resolve: (result: JobResult) => void;
  readonly reject: (error: unknown) => void;
  /** Place in the queue; a job that has had a turn gets a new one. */
  turn: number;
  /** When it was submitted; undefined once its first part has been taken. */
  submittedAtMs: number | undefined;
  nextSample: number;
  nextRow: number;
  drawsLeft: number;
  settled: boolean;
  result: JobResult | undefined;
}

export class Batcher {
  readonly #options: BatcherOptions;
  /** Waiting tickets by kind and K, each list in order of turns. */
  readonly #queues = new Map<string, Ticket[]>();
  #turns = 0;
  #running = 0;
  #deferred = false;
  #queuedElements = 0;
  #queuedRequests = 0;
  /** Queued elements as the limit counts them. */
  #weight = 0;
  readonly #unsettled = new ShortLivedSet<Ticket>();
  #whenIdle: (() => void)[] = [];

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /** Elements that wait to be drawn, and the jobs they belong to. */
  get queued(): { readonly elements: number; readonly requests: number } {
    return { elements: this.#queuedElements, requests: this.#queuedRequests };
  }

  /** Whether every job is refused, whatever its size. */
  get full(): boolean {
    return this.#queuedRequests >= this.#options.queueRequestsMax || this.#weight >= this.#options.queueElementsMax;
  }

  /**
   * Queues a job. The promise settles exactly once.
   *
   * @throws {Problem} as a rejection: `overloaded` when the queue is full, `deadline-exceeded` when its time is over
   * @throws {CallerGone} as a rejection, when nobody waits for it any more
   */
  submit(job: Job, terms: Terms = patient): Promise<JobResult> {
    const elements = jobElements(job);
    const weight = this.#weightOf(elements);
    // A job that counts for all it can leaves as much room again, so that small ones get in beside several of them.
    const tooLarge = weight < elements && this.#weight + 2 * weight > this.#options.queueElementsMax;
    if (this.full || (tooLarge && this.#queuedRequests > 0)) return Promise.reject(queueFull);
    return new Promise((resolve, reject) => {
      const ticket: Ticket = {
        job,
        terms,
        resolve,
        reject,
        place: 0,
        turn: 0,
        submittedAtMs: this.#options.now(),
        nextSample: 0,
        nextRow: 0,
        drawsLeft: job.samples * job.rows,
        settled: false,
        result: undefined,
      };
      this.#count(elements, 0);
      this.#queuedRequests += 1;
      this.#unsettled.add(ticket);
      this.#enqueue(ticket);
      this.#look();
    });
  }

  /**
   * Answers the callers whose time is over, and forgets those who have gone, also while every lane is busy. Call it now and then: what
   * is taken from the queue is looked at anyway.
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

  /** What a job with so many elements left counts for. */
  #weightOf(elements: number): number {
    return Math.min(elements, this.#options.queueElementsMax / 8);
  }

  /** Counts a job that had `before` elements in the queue and has `after` of them there now. */
  #count(after: number, before: number): void {
    this.#queuedElements += after - before;
    this.#weight += this.#weightOf(after) - this.#weightOf(before);
  }

  #enqueue(ticket: Ticket): void {
    ticket.turn = this.#turns++;
    const key = queueOf(ticket.job);
    const queue = this.#queues.get(key);
    if (queue) queue.push(ticket);
    else this.#queues.set(key, [ticket]);
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
    return this.#queuedElements >= this.#options.worthElementsMin;
  }

  #mayStart(): boolean {
    if (this.#queues.size === 0) return false;
    const { lanes, batchesPerLane } = this.#options;
    return this.#running < lanes || (this.#running < batchesPerLane * lanes && this.#isWorthABatch());
  }

  /** The batch of the oldest ticket: its next part, then whole jobs of its queue while they fit. Empty if nobody waits for any. */
  #take(): { tickets: Ticket[]; parts: Part[] } {
    const queue = this.#oldestQueue();
    const key = queueOf((queue[0] as Ticket).job);
    const nowMs = this.#options.now();
    const tickets: Ticket[] = [];
    const parts: Part[] = [];
    const unfinished: Ticket[] = [];
    let budget = this.#options.batchElementsMax;
    while (queue.length > 0) {
      const ticket = queue[0] as Ticket;
      if (this.#drop(ticket, nowMs)) continue;
      const left = elementsLeft(ticket);
      if (parts.length > 0 && left > budget) break;
      queue.shift();
      if (ticket.submittedAtMs !== undefined) this.#options.waited(nowMs - ticket.submittedAtMs);
      ticket.submittedAtMs = undefined;
      const part = cutPart(ticket, budget);
      const elements = part.rowCount * part.sampleCount * part.job.categories;
      budget -= elements;
      this.#count(left - elements, left);
      tickets.push(ticket);
      parts.push(part);
      if (elements < left) unfinished.push(ticket);
    }
    this.#queuedRequests -= parts.length - unfinished.length;
    if (queue.length === 0) this.#queues.delete(key);
    for (const ticket of unfinished) this.#enqueue(ticket);
    return { tickets, parts };
  }

  /** Settles a job that nobody waits for any more; says whether it was one. */
  #drop(ticket: Ticket, nowMs: number): boolean {
    const { deadlineAtMs, isGone } = ticket.terms;
    if (isGone()) {
      this.#fail(ticket, new CallerGone());
    } else if (nowMs >= deadlineAtMs) {
      this.#fail(ticket, new Problem('deadline-exceeded', 'The draw was not done in time, and was given up.'));
    } else {
      return false;
    }
    return true;
  }

  #oldestQueue(): Ticket[] {
    let oldest: Ticket[] | undefined;
    for (const queue of this.#queues.values()) {
      if (oldest === undefined || (queue[0] as Ticket).turn < (oldest[0] as Ticket).turn) oldest = queue;
    }
    if (oldest === undefined) throw new Error('No job is queued. This is a bug.');
    return oldest;
  }

  #start({ tickets, parts }: { tickets: Ticket[]; parts: Part[] }): void {
    this.#running += 1;
    this.#options
      .runBatch(parts, () => tickets.some(({ settled }) => !settled))
      .then((results) => {
        if (results.length !== parts.length) throw new Error('A batch lost or gained results. This is a bug.');
        for (const [index, ticket] of tickets.entries()) {
          this.#accept(ticket, parts[index] as Part, results[index] as JobResult);
        }
      })
      .catch((error) => {
        for (const ticket of tickets) this.#fail(ticket, error);
      })
      .finally(() => {
        this.#running -= 1;
        this.#look();
      });
  }

  #accept(ticket: Ticket, part: Part, result: JobResult): void {
    if (ticket.settled) {
      this.#options.release(result);
      return;
    }
    const draws = part.rowCount * part.sampleCount;
    ticket.drawsLeft -= draws;
    if (draws === ticket.job.rows * ticket.job.samples) {
      ticket.result = result;
    } else {
      ticket.result ??= this.#options.allocate(ticket.job);
      gather(ticket.result, part, result);
      this.#options.release(result);
    }
    if (ticket.drawsLeft === 0) this.#settle(ticket, () => ticket.resolve(ticket.result as JobResult));
  }

  #fail(ticket: Ticket, error: unknown): void {
    if (ticket.settled) return;
    this.#withdraw(ticket);
    this.#settle(ticket, () => ticket.reject(error));
  }

  /** Takes what is still queued of a failed job out of the queue. */
  #withdraw(ticket: Ticket): void {
    const queue = this.#queues.get(queueOf(ticket.job));
    const at = queue?.indexOf(ticket) ?? -1;
    if (!queue || at < 0) return;
    queue.splice(at, 1);
    if (queue.length === 0) this.#queues.delete(queueOf(ticket.job));
    this.#count(0, elementsLeft(ticket));
    this.#queuedRequests -= 1;
  }

  #settle(ticket: Ticket, answer: () => void): void {
    ticket.settled = true;
    this.#unsettled.delete(ticket);
    answer();
    if (this.#unsettled.size === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}

/** What a request gets when the queue is full: one for all of them, since to note where each was refused takes longer than to refuse it. */
export const queueFull = new Problem('overloaded', 'More draws are waiting than this replica takes on.');

/** Jobs of one queue can share a batch. */
function queueOf({ kind, categories }: Job): string {
  return `${kind} ${categories}`;
}

/** Elements of the job that no part has taken yet. */
function elementsLeft({ job, nextSample, nextRow }: Ticket): number {
  return ((job.samples - nextSample) * job.rows - nextRow) * job.categories;
}

/** Takes the next part of at most `budget` elements: whole samples while a sample fits, else rows of one; at least a row. */
function cutPart(ticket: Ticket, budget: number): Part {
  const { job, nextSample, nextRow } = ticket;
  const samplesFit = Math.floor(budget / (job.rows * job.categories));
  if (nextRow === 0 && samplesFit > 0) {
    const sampleCount = Math.min(samplesFit, job.samples - nextSample);
    ticket.nextSample += sampleCount;
    return { job, rowStart: 0, rowCount: job.rows, sampleStart: nextSample, sampleCount };
  }
  const rowsFit = Math.max(1, Math.floor(budget / job.categories));
  const rowCount = Math.min(rowsFit, job.rows - nextRow);
  ticket.nextRow += rowCount;
  if (ticket.nextRow === job.rows) {
    ticket.nextRow = 0;
    ticket.nextSample += 1;
  }
  return { job, rowStart: nextRow, rowCount, sampleStart: nextSample, sampleCount: 1 };
}

/** Copies the results of a part to their place in those of its job. */
function gather(whole: JobResult, part: Part, result: JobResult): void {
  const { job } = part;
  const firstDraw = part.sampleStart * job.rows + part.rowStart;
  for (const name of job.outputs) whole[name]?.set(result[name] ?? [], firstDraw * outputs[name].width(job));
}
