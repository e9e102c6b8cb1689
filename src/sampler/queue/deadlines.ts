/**
 * Which draws can be done by their deadlines: on an idle replica, and on this one with what it has let in. A draw that
 * nobody will wait for to its end is refused at once, instead of being given up when its time is over and the work for
 * it is lost.
 */
import { drawsWithin } from '../cost.js';
import { DrawError } from '../draw-error.js';
import type { Terms } from '../job.js';
import type { QueueEntry } from './entry.js';
import type { DrawQueue } from './queue.js';

/**
 * The share of the time to a deadline for which work is let in. The cost model is within a factor of 1.5 of nearly
 * every draw (`npm run bench:cost`), and the rate that is learnt takes off what all draws have in common; the HTTP
 * thread, garbage collection and other processes take some of a worker's time.
 */
const ownShare = 0.75;

/**
 * The same for a draw behind others, whose errors it bears too. With 0.75 and with 0.6 one of some twenty draws of 2^27
 * elements was let in and given up, where refused clients that never waited kept both CPUs busy
 * (`npm run test:faults -- --full --only=heavy-draws`).
 */
const sharedShare = 0.5;

/** Of the time that is left to a draw, what it and all before it may take once another goes before it. */
const keptShare = 0.6;

/** Small jobs count for as long as they are likely to go on. */
const fadeMs = 1000;

export interface DeadlineOptions {
  /** Batches that may run at once: one a worker. */
  readonly lanes: number;
  /** Units of one batch at most. Jobs of one batch are always let in: nothing smaller could be asked for. */
  readonly batchUnitsMax: number;
  /** Units that a worker does in a millisecond, as far as is known. */
  readonly unitsPerMs: () => number;
  /** Milliseconds of a clock that never goes back; `performance.now` in the service. */
  readonly now: () => number;
}

export class Deadlines {
  readonly #options: DeadlineOptions;
  /** Units of small jobs that were taken lately; older ones fade. */
  #smallUnits = 0;
  #countedAtMs: number;

  constructor(options: DeadlineOptions) {
    this.#options = options;
    this.#countedAtMs = options.now();
  }

  /** `too-much-work` for a job of so many units and draws that an idle replica would not finish by its deadline. */
  tooMuch(units: number, draws: number, { deadlineAtMs }: Terms): DrawError | undefined {
    const { batchUnitsMax, now } = this.#options;
    if (units <= batchUnitsMax) return undefined;
    const leftMs = deadlineAtMs - now();
    const ownMs = this.#ownMs(units, draws);
    // Of one whose time is over already the batcher says so.
    if (leftMs <= 0 || ownMs <= ownShare * leftMs) return undefined;
    const drawsInTime = drawsWithin((units * ownShare * leftMs) / ownMs, units / draws);
    const text = `The draw takes about ${seconds(ownMs)} s, and its deadline is in ${seconds(leftMs)} s.`;
    return new DrawError('too-much-work', text, { draws, drawsInTime });
  }

  /** Milliseconds of work that must be done first, before a job can be let in that is done in time; 0 if it can now. */
  lateMs<Entry extends QueueEntry>(entry: QueueEntry, queue: DrawQueue<Entry>, inHandUnits: number): number {
    const { now, lanes, unitsPerMs, batchUnitsMax } = this.#options;
    const leftMs = entry.terms.deadlineAtMs - now();
    if (entry.large) return this.#lateLargeMs(entry, leftMs, queue, inHandUnits);
    const { units, largeUnits } = queue.counts;
    const doneMs = (inHandUnits + units - largeUnits + entry.units) / (lanes * unitsPerMs());
    return Math.max(0, doneMs - Math.max(sharedShare * leftMs, batchUnitsMax / unitsPerMs()));
  }

  /** The same for a large job, after which none that was let in may become late either. */
  #lateLargeMs<Entry extends QueueEntry>(
    entry: QueueEntry,
    leftMs: number,
    queue: DrawQueue<Entry>,
    inHandUnits: number,
  ): number {
    const { now, lanes, unitsPerMs } = this.#options;
    const nowMs = now();
    const perMs = lanes * unitsPerMs();
    // Small jobs go first, three batches of four at most.
    const largePerMs = Math.max(perMs / 4, perMs - this.#smallUnitsPerMs(nowMs));
    const tag = queue.tagFor(entry);
    let units = inHandUnits;
    let beforeUnits = inHandUnits;
    let lateMs = 0;
    for (const other of queue.largeInOrder()) {
      units += other.countedUnits;
      if (other.tag <= tag) beforeUnits = units;
      // Each that goes before it takes of its spare time, which has to last for what the estimates are off.
      else
        lateMs = Math.max(lateMs, (units + entry.units) / largePerMs - keptShare * (other.terms.deadlineAtMs - nowMs));
    }
    const ownMs = this.#ownMs(entry.units, entry.draws) * (perMs / largePerMs);
    const share = queue.counts.largeUnits > 0 ? sharedShare : ownShare;
    return Math.max(lateMs, beforeUnits / largePerMs + ownMs - share * leftMs);
  }

  /** How long an idle replica draws. Rows cannot be cut, so a job keeps no more workers busy than it has parts. */
  #ownMs(units: number, draws: number): number {
    const { lanes, unitsPerMs, batchUnitsMax } = this.#options;
    const parts = Math.min(draws, Math.ceil(units / batchUnitsMax));
    return units / (unitsPerMs() * Math.min(lanes, parts));
  }

  /** A batch was taken of small jobs. */
  countSmall(units: number): void {
    this.#fade(this.#options.now());
    this.#smallUnits += units;
  }

  #smallUnitsPerMs(nowMs: number): number {
    this.#fade(nowMs);
    return this.#smallUnits / fadeMs;
  }

  #fade(nowMs: number): void {
    this.#smallUnits *= Math.exp((this.#countedAtMs - nowMs) / fadeMs);
    this.#countedAtMs = nowMs;
  }
}

function seconds(ms: number): string {
  return String(Number((Math.max(0, ms) / 1000).toPrecision(2)));
}
