/** A draw of a simulation, as its caller knows it: what it asked for, what has begun, and its outcome. */
import { drawsWithin, unitsOfDraws, unitsPerDrawOf } from '../../src/sampler/cost.js';
import { DrawError, queueFull } from '../../src/sampler/draw-error.js';
import { type Job, resultBytes, type Terms } from '../../src/sampler/job.js';
import type { FakeReply } from './fake-reply.js';
import type { Service } from './service.js';
import { world } from './world.js';

/** The share of the time to its deadline that a draw behind others may take by the estimate, as in deadlines.ts. */
const sharedShare = 0.5;

export class Draw {
  readonly number: number;
  readonly job: Job;
  readonly terms: Terms;
  readonly caller: object;
  readonly isLarge: boolean;
  /** Bytes of its result. */
  readonly resultBytes: number;
  /** Batches that it takes if it leads each of them. */
  readonly parts: number;
  /** Units of one of its rows, the least of it that a batch can hold. */
  readonly rowUnits: number;
  settledAtMs: number | undefined;
  hasFailed = false;
  readonly #reply: FakeReply;
  readonly #service: Service;
  readonly #unitsPerDraw: number;
  #begunDraws = 0;
  /** Batches that had left the queue when this was accepted, and how many may leave before this; undefined: any. */
  #batchesAtStart = 0;
  #batchesBeforeMax: number | undefined;

  constructor(number: number, job: Job, deadlineAtMs: number, caller: object, reply: FakeReply, service: Service) {
    this.number = number;
    this.job = job;
    this.caller = caller;
    this.#reply = reply;
    this.#service = service;
    this.#unitsPerDraw = unitsPerDrawOf(job);
    this.rowUnits = unitsOfDraws(1, this.#unitsPerDraw);
    this.resultBytes = resultBytes(job);
    const { batchElementsMax } = service.settings;
    this.isLarge = unitsOfDraws(this.draws, this.#unitsPerDraw) > batchElementsMax;
    const drawsFit = drawsWithin(batchElementsMax, this.#unitsPerDraw);
    const samplesFit = Math.floor(drawsFit / job.rows);
    this.parts = samplesFit > 0 ? Math.ceil(job.samples / samplesFit) : job.samples * Math.ceil(job.rows / drawsFit);
    const begin = (draws: number) => this.#begin(draws);
    const begun = () => this.#begunDraws;
    this.terms = {
      deadlineAtMs,
      isGone: () => reply.destroyed,
      caller,
      get begunDraws() {
        return begun();
      },
      set begunDraws(draws: number) {
        begin(draws);
      },
    };
  }

  get name(): string {
    return `draw ${this.number}`;
  }

  get draws(): number {
    return this.job.rows * this.job.samples;
  }

  get hasLeft(): boolean {
    return this.#reply.destroyed;
  }

  /** Units that wait in the queue. */
  get unitsLeft(): number {
    return unitsOfDraws(this.draws - this.#begunDraws, this.#unitsPerDraw);
  }

  /** Submits the draw. Its outcome is that of the returned promise. */
  submit<Result>(draw: () => Promise<Result>, isFirstOfCaller: boolean): Promise<Result> {
    const isInTime = this.#isInTime();
    const batchesBefore = this.#service.batchesBefore(this.isLarge);
    this.#batchesAtStart = this.#service.batchesOf(this.isLarge);
    if (isFirstOfCaller) this.#batchesBeforeMax = batchesBefore;
    this.#service.draws.set(this.number, this);
    this.#service.unsettled.add(this);
    const settled = (how: string) => {
      world().note(() => `${this.name} ${how}`);
      this.settledAtMs = world().nowMs;
      if (!this.#service.unsettled.delete(this)) world().violate(`${this.name} has two outcomes`);
    };
    const outcome = draw();
    outcome.then(
      () => {
        if (this.#begunDraws !== this.draws) world().violate(`${this.name} was not drawn whole`);
        settled('is drawn');
      },
      (error: Error) => {
        this.hasFailed = true;
        if (isInTime && error instanceof DrawError && error.code === 'overloaded' && error !== queueFull) {
          world().violate(`${this.name} is refused as late, but would be in time`);
        }
        settled(`fails: ${error.message}`);
      },
    );
    return outcome;
  }

  /** Whether this is small, and in time by the estimate even if each batch that runs has as many units as it can. */
  #isInTime(): boolean {
    const { workers, unitsPerMs, batchElementsMax } = this.#service.settings;
    const leftMs = this.terms.deadlineAtMs - world().nowMs;
    const doneMs = (this.#service.smallUnitsBeforeMax() + this.unitsLeft) / (workers * unitsPerMs);
    return !this.isLarge && doneMs <= Math.max(sharedShare * leftMs, batchElementsMax / unitsPerMs);
  }

  /** The queue gives draws to a worker, or draws them. */
  #begin(begunDraws: number): void {
    const nowMs = world().nowMs;
    const isFirst = this.#begunDraws === 0;
    this.#begunDraws = begunDraws;
    if (begunDraws > this.draws) world().violate(`${this.name} is drawn twice`);
    if (this.settledAtMs !== undefined) world().violate(`${this.name} is drawn after its end`);
    if (this.#reply.destroyed) world().violate(`${this.name} is drawn although its client has left`);
    if (nowMs >= this.terms.deadlineAtMs) world().violate(`${this.name} is drawn after its deadline`);
    const before = this.#service.batchesOf(this.isLarge) - this.#batchesAtStart - 1;
    if (isFirst && this.#batchesBeforeMax !== undefined && before > this.#batchesBeforeMax) {
      world().violate(`${this.name} waited for ${before} batches, and ${this.#batchesBeforeMax} are the most`);
    }
  }
}
