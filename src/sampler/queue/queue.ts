/**
 * The jobs that wait: their order, their counts and who is let in. Owns every count, each of which changes in one
 * place, with what is left of an entry; what becomes of a job is left to the batcher.
 *
 * Two classes, small jobs that fit one batch and large ones that are drawn in parts. Small ones go first, but of four
 * batches that are taken while both wait at least one is of a large job; within a class callers take turns
 * (fair-order.ts).
 */
import type { Config } from '../../config.js';
import { drawsWithin, unitsOfDraws } from '../cost.js';
import type { Part } from '../job.js';
import { Capacity } from './capacity.js';
import type { QueueCaller, QueueEntry } from './entry.js';
import { FairOrder, type VirtualTime } from './fair-order.js';
import { Shedding } from './shedding.js';

export interface QueueOptions extends Pick<Config, 'queueRequestsMax'> {
  /** The most that a batch costs, but for one of a single row. A job of more is large. */
  readonly batchUnitsMax: number;
  /** Units that may wait. */
  readonly queueUnitsMax: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** A batch that was taken from the queue. */
export interface Taken<Entry> {
  readonly entries: Entry[];
  readonly parts: Part[];
  units: number;
}

/** Of so many batches one is of a large job, while small ones wait too. */
const largeTurnEvery = 4;

export class DrawQueue<Entry extends QueueEntry> {
  readonly #options: QueueOptions;
  readonly #capacity: Capacity;
  readonly #shedding: Shedding;
  /** An object stands for a caller for as long as anybody else knows it. */
  readonly #callers = new WeakMap<object, QueueCaller>();
  readonly #small = new FairOrder<Entry>();
  readonly #large = new FairOrder<Entry>();
  /** Batches of small jobs since the last of a large one, while large ones wait. */
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

  /** Jobs of which something waits, what that costs, and what that of the large ones among them does. */
  get counts(): { readonly requests: number; readonly units: number; readonly largeUnits: number } {
    return { requests: this.#requests, units: this.#units, largeUnits: this.#largeUnits };
  }

  callerOf(owner: object): QueueCaller {
    let caller = this.#callers.get(owner);
    if (caller === undefined) {
      caller = {
        smallWeight: 0,
        largeWeight: 0,
        small: { finish: 0 },
        large: { finish: 0 },
        lastDraw: { largeAtMs: Number.NEGATIVE_INFINITY, largeWeight: 0, wasSmall: false },
      };
      this.#callers.set(owner, caller);
    }
    return caller;
  }

  /** Whether there is room for a job that has been read. */
  admits({ caller, units, large }: QueueEntry): boolean {
    const weight = this.#capacity.weightOf(units, large);
    const isAdmitted = this.#capacity.admits(caller, weight, large);
    this.#shedding.noteDraw(caller.lastDraw, weight, large, !isAdmitted);
    return isAdmitted;
  }

  /** Whether `refuses` could be true of any caller: cheaper to ask, and false unless there is much to do. */
  get mayRefuse(): boolean {
    return this.#capacity.mayBeFull || this.#shedding.isOn;
  }

  /** Whether whatever a caller sends now is refused, so that it need not be read. */
  refuses(owner: object): boolean {
    const caller = this.callerOf(owner);
    if (this.#capacity.isFullFor(caller)) return true;
    return this.#shedding.sheds(caller.lastDraw, (weight) => this.#capacity.admits(caller, weight, true));
  }

  /** Queues an entry, whether there is room for it or not. */
  add(entry: Entry): void {
    entry.age = this.#added++;
    this.#orderOf(entry).add(entry, entry.units, virtualTimeOf(entry));
    this.#count(entry, unitsLeft(entry));
  }

  /** Takes what is left of an entry out of the queue, if anything is. */
  remove(entry: Entry): void {
    if (entry.countedUnits === 0) return;
    this.#orderOf(entry).remove(entry);
    this.#count(entry, 0);
  }

  /** The entry that leads the next batch. */
  #next(): Entry | undefined {
    const small = this.#small.first();
    if (this.#large.isEmpty) return small;
    return small === undefined || this.#smallTurns >= largeTurnEvery - 1 ? this.#large.first() : small;
  }

  /** Whether the next batch is a single row that costs more than a batch may. */
  get nextIsLongRow(): boolean {
    const next = this.#next();
    return next !== undefined && unitsOfDraws(1, next.drawUnits) > this.#options.batchUnitsMax;
  }

  /**
   * Takes a batch: the next part of the entry whose turn it is, then whatever of its kind and K fits beside it.
   *
   * @param isDropped says whether nobody waits for an entry any more; it has been removed then
   */
  take(isDropped: (entry: Entry) => boolean): Taken<Entry> {
    const taken: Taken<Entry> = { entries: [], parts: [], units: 0 };
    let leader = this.#next();
    while (leader !== undefined && isDropped(leader)) leader = this.#next();
    if (leader === undefined) return taken;
    this.#smallTurns = leader.large || this.#large.isEmpty ? 0 : this.#smallTurns + 1;
    const { job } = leader;
    this.#takePart(leader, taken);
    for (const order of [this.#small, this.#large]) {
      for (let entry = order.first(job); entry !== undefined; entry = order.first(job)) {
        if (isDropped(entry)) continue;
        if (unitsLeft(entry) > this.#options.batchUnitsMax - taken.units) break;
        this.#takePart(entry, taken);
      }
    }
    return taken;
  }

  /** Large entries in the order in which they will be drawn. */
  largeInOrder(): Entry[] {
    return this.#large.all();
  }

  /** The tag that an entry would get now; it would come after all that have it already. */
  tagFor(entry: QueueEntry): number {
    return (entry.large ? this.#large : this.#small).tagFor(virtualTimeOf(entry));
  }

  #orderOf({ large }: Entry): FairOrder<Entry> {
    return large ? this.#large : this.#small;
  }

  #takePart(entry: Entry, taken: Taken<Entry>): void {
    const order = this.#orderOf(entry);
    order.serve(entry);
    const part = cutPart(entry, this.#options.batchUnitsMax - taken.units);
    taken.entries.push(entry);
    taken.parts.push(part);
    taken.units += unitsOfDraws(part.rowCount * part.sampleCount, entry.drawUnits);
    if (entry.drawsLeft === 0) order.remove(entry);
    this.#count(entry, unitsLeft(entry));
  }

  /** The one place where counts change: an entry is counted with so many units from now on. */
  #count(entry: Entry, units: number): void {
    const { caller, large, countedUnits, countedWeight } = entry;
    const weight = this.#capacity.weightOf(units, large);
    this.#capacity.count(caller, weight - countedWeight, large);
    this.#requests += Number(units > 0) - Number(countedUnits > 0);
    this.#units += units - countedUnits;
    if (large) this.#largeUnits += units - countedUnits;
    entry.countedUnits = units;
    entry.countedWeight = weight;
  }
}

function virtualTimeOf({ large, caller }: QueueEntry): VirtualTime {
  return large ? caller.large : caller.small;
}

/** Units of what no part has taken yet. */
function unitsLeft({ drawsLeft, drawUnits: unitsEach }: QueueEntry): number {
  return unitsOfDraws(drawsLeft, unitsEach);
}

/**
 * Takes the next part of at most `budget` units: whole samples while a sample fits, else rows of one; at least a row.
 */
function cutPart(entry: QueueEntry, budget: number): Part {
  const { job, nextSample, nextRow, drawUnits: unitsEach } = entry;
  const drawsFit = drawsWithin(budget, unitsEach);
  const samplesFit = Math.floor(drawsFit / job.rows);
  if (nextRow === 0 && samplesFit > 0) {
    const sampleCount = Math.min(samplesFit, job.samples - nextSample);
    entry.nextSample += sampleCount;
    entry.drawsLeft -= sampleCount * job.rows;
    return { job, rowStart: 0, rowCount: job.rows, sampleStart: nextSample, sampleCount };
  }
  const rowCount = Math.min(drawsFit, job.rows - nextRow);
  entry.drawsLeft -= rowCount;
  entry.nextRow += rowCount;
  if (entry.nextRow === job.rows) {
    entry.nextRow = 0;
    entry.nextSample += 1;
  }
  return { job, rowStart: nextRow, rowCount, sampleStart: nextSample, sampleCount: 1 };
}
