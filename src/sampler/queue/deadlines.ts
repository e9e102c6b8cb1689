/**
 * Admission control by deadline. Estimates whether a draw finishes by its deadline: on an idle replica, and on this one
 * behind the draws admitted before. A draw that would miss its deadline is refused at once. Otherwise it would be
 * dropped at the deadline, and the work on it would be lost.
 */
import { drawsWithin } from '../cost.js';
import { DrawError } from '../draw-error.js';
import type { Terms } from '../job.js';
import type { DrawQueue } from './queue.js';
import type { QueueEntry } from './queue-entry.js';

/**
 * The share of the time to its deadline that a draw may take by the estimate. The rest is the margin for errors. The
 * cost model is within a factor of 1.5 of nearly every draw (`npm run bench:cost`), and the learnt rate corrects what
 * all draws have in common. The HTTP thread, garbage collection and other processes take some of a worker's time.
 */
const ownShare = 0.75;

/**
 * The same for a draw behind others, whose estimates may be wrong too. With 0.75 and with 0.6 one of some twenty draws
 * of 2^27 elements was admitted and then missed its deadline, while refused clients that sent again at once kept both
 * CPUs busy (`npm run test:faults -- --full --only=heavy-draws`).
 */
const sharedShare = 0.5;

/**
 * The same for an admitted draw when a new draw goes before it: the share of its remaining time that it, the new draw
 * and all others before it may take by the estimate.
 */
const keptShare = 0.6;

/** Time constant of the average of small jobs. */
const decayMs = 1000;

export interface DeadlineOptions {
  /** The number of workers. */
  readonly lanes: number;
  /** The most units of a batch. `tooMuch` never refuses a job that fits one batch. */
  readonly batchUnitsMax: number;
  /** The present estimate of the units that a worker draws in a millisecond. */
  readonly unitsPerMs: () => number;
  /** Milliseconds of a monotonic clock; `performance.now` in the service. */
  readonly now: () => number;
}

export class Deadlines {
  readonly #options: DeadlineOptions;
  /** Units of small jobs that left the queue, decaying exponentially with `decayMs`. */
  #smallUnits = 0;
  #decayedAtMs: number;

  constructor(options: DeadlineOptions) {
    this.#options = options;
    this.#decayedAtMs = options.now();
  }

  /** `too-much-work` if an idle replica would not finish a job of so many units and draws by its deadline. */
  tooMuch(units: number, draws: number, { deadlineAtMs }: Terms): DrawError | undefined {
    const { batchUnitsMax, now } = this.#options;
    if (units <= batchUnitsMax) return undefined;
    const leftMs = deadlineAtMs - now();
    const ownMs = this.#ownMs(units, draws);
    // The batcher refuses a job whose deadline has passed, with another error.
    if (leftMs <= 0 || ownMs <= ownShare * leftMs) return undefined;
    const drawsInTime = drawsWithin((units * ownShare * leftMs) / ownMs, units / draws);
    const text = `The draw takes about ${seconds(ownMs)} s, and its deadline is in ${seconds(leftMs)} s.`;
    return new DrawError('too-much-work', text, { draws, drawsInTime });
  }

  /**
   * How late a job would be: milliseconds of work that must be finished before it can be admitted. 0 admits it now.
   *
   * @param runningUnits units of the running batches
   */
  lateMs<Entry extends QueueEntry>(
    entry: QueueEntry,
    queue: DrawQueue<Entry>,
    runningUnits: number,
    nowMs: number,
  ): number {
    const { lanes, unitsPerMs, batchUnitsMax } = this.#options;
    const leftMs = entry.terms.deadlineAtMs - nowMs;
    if (entry.large) return this.#lateLargeMs(entry, nowMs, queue, runningUnits);
    const { units, largeUnits } = queue.counts;
    const doneMs = (runningUnits + units - largeUnits + entry.units) / (lanes * unitsPerMs());
    return Math.max(0, doneMs - Math.max(sharedShare * leftMs, batchUnitsMax / unitsPerMs()));
  }

  /** The same for a large job, which also must not make an admitted large job late. */
  #lateLargeMs<Entry extends QueueEntry>(
    entry: QueueEntry,
    nowMs: number,
    queue: DrawQueue<Entry>,
    runningUnits: number,
  ): number {
    const { lanes, unitsPerMs } = this.#options;
    const leftMs = entry.terms.deadlineAtMs - nowMs;
    const perMs = lanes * unitsPerMs();
    // Small jobs go first, but at least one of four batches is large.
    const largePerMs = Math.max(perMs / 4, perMs - this.#smallUnitsPerMs(nowMs));
    const tag = queue.largeTagFor(entry);
    let units = runningUnits;
    let beforeUnits = runningUnits;
    let lateMs = 0;
    for (const other of queue.largeInOrder()) {
      units += other.countedUnits;
      if (other.tag <= tag) beforeUnits = units;
      // Each job that goes before `other` uses up some of its margin for errors.
      else
        lateMs = Math.max(lateMs, (units + entry.units) / largePerMs - keptShare * (other.terms.deadlineAtMs - nowMs));
    }
    const ownMs = this.#ownMs(entry.units, entry.draws) * (perMs / largePerMs);
    const share = queue.counts.largeUnits > 0 ? sharedShare : ownShare;
    return Math.max(lateMs, beforeUnits / largePerMs + ownMs - share * leftMs);
  }

  /** Milliseconds of a job on an idle replica. It keeps at most as many workers busy as it has parts. */
  #ownMs(units: number, draws: number): number {
    const { lanes, unitsPerMs, batchUnitsMax } = this.#options;
    const parts = Math.min(draws, Math.ceil(units / batchUnitsMax));
    return units / (unitsPerMs() * Math.min(lanes, parts));
  }

  /** Counts a batch of small jobs that leaves the queue. */
  countSmall(units: number): void {
    this.#decay(this.#options.now());
    this.#smallUnits += units;
  }

  #smallUnitsPerMs(nowMs: number): number {
    this.#decay(nowMs);
    return this.#smallUnits / decayMs;
  }

  #decay(nowMs: number): void {
    this.#smallUnits *= Math.exp((this.#decayedAtMs - nowMs) / decayMs);
    this.#decayedAtMs = nowMs;
  }
}

function seconds(ms: number): string {
  return String(Number((Math.max(0, ms) / 1000).toPrecision(2)));
}
