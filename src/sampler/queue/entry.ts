/** A job in the queue: what it costs, whose it is, and how much of it is still to be taken. */
import { drawUnits, unitsOfDraws } from '../cost.js';
import type { Job, Terms } from '../job.js';
import type { Share } from './capacity.js';
import type { Ordered, VirtualTime } from './fair-order.js';
import type { LastDraw } from './shedding.js';

/** What the queue knows of a caller. */
export interface QueueCaller extends Share {
  /** Its places in the orders of small and of large jobs. */
  readonly small: VirtualTime;
  readonly large: VirtualTime;
  readonly lastDraw: LastDraw;
}

export class QueueEntry implements Ordered {
  readonly job: Job;
  readonly terms: Terms;
  readonly caller: QueueCaller;
  /** Units of each draw, and of the whole job. */
  readonly drawUnits: number;
  readonly units: number;
  /** Whether it does not fit one batch. */
  readonly large: boolean;
  tag = 0;
  age = 0;
  /** Where its next part starts. */
  nextSample = 0;
  nextRow = 0;
  /** Draws that no part has taken. */
  drawsLeft: number;
  /** What of it the queue counts now; 0 when nothing of it waits. */
  countedUnits = 0;
  countedWeight = 0;

  constructor(job: Job, terms: Terms, caller: QueueCaller, batchUnitsMax: number) {
    this.job = job;
    this.terms = terms;
    this.caller = caller;
    this.drawUnits = drawUnits(job);
    this.drawsLeft = job.samples * job.rows;
    this.units = unitsOfDraws(this.drawsLeft, this.drawUnits);
    this.large = this.units > batchUnitsMax;
  }

  /** Its draws, of which each is one sample of one row. */
  get draws(): number {
    return this.job.samples * this.job.rows;
  }
}
