/** A job in the queue: its cost, its caller, and the draws that are not yet in a part. */
import { unitsOfDraws, unitsPerDrawOf } from '../cost.js';
import type { Job, Terms } from '../job.js';
import type { Share } from './capacity.js';
import type { Ordered, VirtualTime } from './fair-order.js';
import type { LastDraw } from './shedding.js';

/** The state of a caller in the queue. */
export interface QueueCaller extends Share {
  /** Its virtual times among small and among large jobs (fair-order.ts). */
  readonly small: VirtualTime;
  readonly large: VirtualTime;
  readonly lastDraw: LastDraw;
}

export class QueueEntry implements Ordered {
  readonly job: Job;
  readonly terms: Terms;
  readonly caller: QueueCaller;
  /** Units of each draw, and of the whole job. */
  readonly unitsPerDraw: number;
  readonly units: number;
  /** Whether the job is too large for one batch. */
  readonly large: boolean;
  tag = 0;
  finish = 0;
  age = 0;
  /** The first sample and row of the next part. */
  nextSample = 0;
  nextRow = 0;
  /** Whether its client has got a result or an error. From then on the inputs of the job may be another request's. */
  settled = false;
  /** Draws that are not yet in a part. */
  drawsLeft: number;
  /** Units and charge (capacity.ts) that the queue counts for this entry now. 0 once no draw is left. */
  countedUnits = 0;
  countedCharge = 0;

  constructor(job: Job, terms: Terms, caller: QueueCaller, batchUnitsMax: number) {
    this.job = job;
    this.terms = terms;
    this.caller = caller;
    this.unitsPerDraw = unitsPerDrawOf(job);
    this.drawsLeft = job.samples * job.rows;
    this.units = unitsOfDraws(this.drawsLeft, this.unitsPerDraw);
    this.large = this.units > batchUnitsMax;
  }

  /** All draws of the job. */
  get draws(): number {
    return this.job.samples * this.job.rows;
  }
}
