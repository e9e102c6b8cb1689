/**
 * The queue of jobs: their order, their counts, and admission. All counts change in one method, #count. The batcher
 * settles the jobs.
 *
 * There are two classes: small jobs fit one batch, large jobs are drawn in parts. Small jobs go first, but while both
 * classes wait, at least one of four batches is of a large job. Within a class the order is fair by caller
 * (fair-order.ts).
 *
 * Two questions decide about a request. `refuses`, before its body is read: would the queue refuse any job of this
 * caller? `admits`, once its job is known: is there room for this job? `mayRefuse` is the cheap form of `refuses`, for
 * all callers at once. Capacity and Shedding use the same names for their parts of the answer.
 */
import type { Config } from '../../config.js';
import { drawsWithin, unitsOfDraws } from '../cost.js';
import type { Part } from '../job.js';
import { Capacity } from './capacity.js';
import { FairOrder, type VirtualTime } from './fair-order.js';
import type { QueueCaller, QueueEntry } from './queue-entry.js';
import { Shedding } from './shedding.js';
import { TakenBatch } from './taken-batch.js';

export interface QueueOptions extends Pick<Config, 'queueRequestsMax'> {
  /** The most units of a batch, unless it is a single row. A job of more units is large. */
  readonly batchUnitsMax: number;
  /** The most units in the queue. */
  readonly queueUnitsMax: number;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

/** While both classes wait, one of so many batches is of a large job. */
const largeTurnEvery = 4;

export class DrawQueue<Entry extends QueueEntry> {
  readonly #options: QueueOptions;
  readonly #capacity: Capacity;
  readonly #shedding: Shedding;
  /** Callers by the object that identifies them (Terms.caller). An entry goes when that object is garbage collected. */
  readonly #callers = new WeakMap<object, QueueCaller>();
  readonly #small = new FairOrder<Entry>();
  readonly #large = new FairOrder<Entry>();
  /** Batches of small jobs since the last batch of a large job, while large jobs wait. */
  #smallTurns = 0;
  #added = 0;
  #requests = 0;
  #units = 0;
  #largeUnits = 0;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#capacity = new Capacity(options.queueUnitsMax, options.queueRequestsMax);
    this.#shedding = new Shedding(options.now);
  }

  get isEmpty(): boolean {
    return this.#requests === 0;
  }

  /** Jobs in the queue, their units, and the units of the large ones among them. Only undrawn parts count. */
  get counts(): { readonly requests: number; readonly units: number; readonly largeUnits: number } {
    return { requests: this.#requests, units: this.#units, largeUnits: this.#largeUnits };
  }

  callerOf(owner: object): QueueCaller {
    let caller = this.#callers.get(owner);
    if (caller === undefined) {
      caller = {
        smallCharge: 0,
        largeCharge: 0,
        small: { finish: 0, queued: 0 },
        large: { finish: 0, queued: 0 },
        lastDraw: { largeAtMs: Number.NEGATIVE_INFINITY, largeCharge: 0, wasSmall: false },
      };
      this.#callers.set(owner, caller);
    }
    return caller;
  }

  /** Whether the queue has room for a job. Also records the job as its caller's last draw, for `refuses`. */
  admits({ caller, units, large }: QueueEntry): boolean {
    const charge = this.#capacity.chargeOf(units, large);
    const isAdmitted = this.#capacity.admits(caller, charge, large);
    this.#shedding.noteDraw(caller.lastDraw, charge, large, !isAdmitted);
    return isAdmitted;
  }

  /** Whether `refuses` may be true for any caller. Cheaper than `refuses`. */
  get mayRefuse(): boolean {
    return this.#capacity.mayRefuse || this.#shedding.mayRefuse;
  }

  /** Whether the queue refuses any job of this caller now, so that its request need not be read. */
  refuses(owner: object): boolean {
    const caller = this.callerOf(owner);
    if (this.#capacity.refuses(caller)) return true;
    return this.#shedding.refuses(caller.lastDraw, (charge) => this.#capacity.admits(caller, charge, true));
  }

  /** Adds an entry. The caller of this method has asked `admits`. */
  add(entry: Entry): void {
    entry.age = this.#added++;
    this.#orderOf(entry).add(entry, entry.units, virtualTimeOf(entry));
    this.#count(entry, unitsLeft(entry));
  }

  /** Removes what is left of an entry. Does nothing if nothing is. */
  remove(entry: Entry): void {
    if (entry.countedUnits === 0) return;
    this.#orderOf(entry).remove(entry, virtualTimeOf(entry));
    this.#count(entry, 0);
  }

  /** The entry that the next batch begins with. */
  #next(): Entry | undefined {
    const small = this.#small.first();
    if (this.#large.isEmpty) return small;
    return small === undefined || this.#smallTurns >= largeTurnEvery - 1 ? this.#large.first() : small;
  }

  /** Whether the next batch is a single row of more units than batchUnitsMax. */
  get nextIsLongRow(): boolean {
    const next = this.#next();
    return next !== undefined && unitsOfDraws(1, next.unitsPerDraw) > this.#options.batchUnitsMax;
  }

  /**
   * Takes the next batch: a part of the next entry, and further entries of the same kind and K that fit whole.
   *
   * @param jobs whether the batch may hold large jobs
   * @param isDropped whether an entry is not to be drawn any more; it has then removed the entry from the queue
   */
  take(jobs: 'small' | 'all', isDropped: (entry: Entry) => boolean): TakenBatch<Entry> {
    const taken = new TakenBatch<Entry>();
    const next = () => (jobs === 'small' ? this.#small.first() : this.#next());
    let leader = next();
    while (leader !== undefined && isDropped(leader)) leader = next();
    if (leader === undefined) return taken;
    // A batch of small jobs alone takes no worker, and so no turn from the large ones.
    if (jobs === 'all') this.#smallTurns = leader.large || this.#large.isEmpty ? 0 : this.#smallTurns + 1;
    const { job } = leader;
    this.#takePart(leader, taken);
    for (const order of jobs === 'small' ? [this.#small] : [this.#small, this.#large]) {
      for (let entry = order.first(job); entry !== undefined; entry = order.first(job)) {
        if (isDropped(entry)) continue;
        if (unitsLeft(entry) > this.#options.batchUnitsMax - taken.units) break;
        this.#takePart(entry, taken);
      }
    }
    return taken;
  }

  /** The large entries in the order of drawing. */
  largeInOrder(): Entry[] {
    return this.#large.all();
  }

  /** The tag that a large entry would get now. It would come after all queued entries of the same tag. */
  largeTagFor(entry: QueueEntry): number {
    return this.#large.tagFor(virtualTimeOf(entry));
  }

  #orderOf({ large }: Entry): FairOrder<Entry> {
    return large ? this.#large : this.#small;
  }

  #takePart(entry: Entry, taken: TakenBatch<Entry>): void {
    const order = this.#orderOf(entry);
    taken.add(entry, cutPart(entry, this.#options.batchUnitsMax));
    const left = unitsLeft(entry);
    order.serve(entry, entry.countedUnits - left);
    if (left === 0) order.remove(entry, virtualTimeOf(entry));
    this.#count(entry, left);
  }

  /** Counts an entry with so many units from now on, in place of what it counted before. */
  #count(entry: Entry, units: number): void {
    const { caller, large, countedUnits, countedCharge } = entry;
    const charge = this.#capacity.chargeOf(units, large);
    this.#capacity.count(caller, charge - countedCharge, large);
    this.#requests += Number(units > 0) - Number(countedUnits > 0);
    this.#units += units - countedUnits;
    if (large) this.#largeUnits += units - countedUnits;
    entry.countedUnits = units;
    entry.countedCharge = charge;
  }
}

function virtualTimeOf({ large, caller }: QueueEntry): VirtualTime {
  return large ? caller.large : caller.small;
}

/** Units of the draws that are not yet in a part. */
function unitsLeft({ drawsLeft, unitsPerDraw }: QueueEntry): number {
  return unitsOfDraws(drawsLeft, unitsPerDraw);
}

/**
 * Cuts the next part of an entry, of at most `budget` units: whole samples if one fits, else rows of one sample, but at
 * least one row.
 */
function cutPart(entry: QueueEntry, budget: number): Part {
  const { job, nextSample, nextRow, unitsPerDraw } = entry;
  const { trace } = entry.terms;
  const drawsFit = drawsWithin(budget, unitsPerDraw);
  const samplesFit = Math.floor(drawsFit / job.rows);
  if (nextRow === 0 && samplesFit > 0) {
    const sampleCount = Math.min(samplesFit, job.samples - nextSample);
    entry.nextSample += sampleCount;
    entry.drawsLeft -= sampleCount * job.rows;
    return { job, rowStart: 0, rowCount: job.rows, sampleStart: nextSample, sampleCount, trace };
  }
  const rowCount = Math.min(drawsFit, job.rows - nextRow);
  entry.drawsLeft -= rowCount;
  entry.nextRow += rowCount;
  if (entry.nextRow === job.rows) {
    entry.nextRow = 0;
    entry.nextSample += 1;
  }
  return { job, rowStart: nextRow, rowCount, sampleStart: nextSample, sampleCount: 1, trace };
}
