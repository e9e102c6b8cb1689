/**
 * The service of a simulation: the real load shedding, memory account and sampler (queue, batcher, pool) on fake
 * threads and buffers. After every event it compares what these classes say of themselves with what their callers
 * know.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { refuseWhenFull } from '../../src/http/load-shedding.js';
import { MemoryBudget } from '../../src/http/memory-budget.js';
import type { ProblemWriter } from '../../src/http/problem-writer.js';
import { RouteTable } from '../../src/http/route-table.js';
import { problemOf } from '../../src/routes/draw-problems.js';
import { type Batch, partColumns } from '../../src/sampler/job.js';
import { Pool, type PoolState } from '../../src/sampler/queue/pool.js';
import { createSampler, type Sampler } from '../../src/sampler/sampler.js';
import type { Drawer } from '../../src/sampler/worker/drawer.js';
import type { Draw } from './draw.js';
import { Buffers } from './fake-buffers.js';
import { type FakeWorker, startThreadsIn } from './fake-worker.js';
import { drawIdentities } from './identity.js';
import { inlineUnitsMax, type Settings, worthUnitsMin } from './workload.js';
import { Violation, world } from './world.js';

let service: Service | undefined;

/** Lost workers within so much time from which the pool has failed, as in pool.ts. */
const lossesMax = 5;
const lossesWindowMs = 60_000;

/** A request as far as the service looks at it. */
export interface FakeRequest {
  /** Its key; without one its connection. */
  readonly caller: object;
  /** Called with a request that load shedding lets in. */
  readonly letIn: () => void;
  /** Called with one that it refuses. */
  readonly refused: (status: number) => void;
}

export class Service {
  readonly settings: Settings;
  readonly buffers = new Buffers();
  readonly threads: FakeWorker[] = [];
  readonly budget: MemoryBudget;
  readonly handle: (request: IncomingMessage, reply: ServerResponse) => void;
  /** Undefined until the workers have started. */
  sampler: Sampler | undefined;
  /** All draws that were submitted, by job number, and those without an outcome. */
  readonly draws = new Map<number, Draw>();
  readonly unsettled = new Set<Draw>();
  /** Batches that left the queue: for workers, and for the HTTP thread. */
  pooledBatches = 0;
  inlineBatches = 0;
  /** Threads that died, and those that the pool has reported. */
  losses = 0;
  readonly #reportedAtMs: number[] = [];
  isStuck = false;
  /** Bytes of results and texts that are on their way to clients, by reply. */
  readonly sending = new Map<object, number>();
  /** The caller of the request that load shedding has. */
  #asking: object | undefined;
  /** Batches that the pool has and has not answered. */
  #pooled = 0;
  #watchedAtMs = 0;
  #drawsInline = false;
  #waited = 0;

  constructor(settings: Settings) {
    this.settings = settings;
    this.budget = new MemoryBudget(settings.memoryBytes);
    const draws = new RouteTable();
    draws.add('/sample', ['POST']);
    const handle = refuseWhenFull((request) => (request as unknown as FakeRequest).letIn(), {
      mayRefuse: () => this.sampler?.mayRefuse() ?? false,
      refusal: (caller) => {
        if (caller !== this.#asking) world().violate('load shedding asks for another caller');
        const refusal = this.sampler?.refusal(caller);
        return refusal && problemOf(refusal);
      },
      draws,
      callerOf: (key) => (key === undefined ? { name: undefined } : (key as unknown as { name: string })),
      problems: {
        end: (_problem: unknown, _id: string, request: unknown) => (request as FakeRequest).refused(503),
      } as unknown as ProblemWriter,
      observer: { refused: () => {}, answered: () => {} },
    });
    this.handle = (request, reply) => {
      this.#asking = (request as unknown as FakeRequest).caller;
      handle(request, reply);
    };
    service = this;
    startThreadsIn(this);
  }

  /** @throws {Error} when a worker could not start */
  async start(): Promise<void> {
    const { settings } = this;
    const sampler = await createSampler({
      ...settings,
      provider: 'cpu',
      categoriesMax: 2 ** 20,
      onWorkerLost: () => this.#onWorkerLost(),
      onStuck: () => this.#onStuck(),
      observer: {
        waited: () => {
          this.#waited += 1;
        },
        drawn: () => {},
        workerLost: () => {},
      },
      openInline: async () => this.#inline(),
    });
    world().note(() => 'the service is ready');
    this.#watchedAtMs = world().nowMs;
    this.sampler = sampler;
  }

  /** A batch was packed. */
  sends(batch: Batch): void {
    if (!this.#drawsIn(batch).every((draw) => draw !== undefined && this.unsettled.has(draw))) {
      world().violate('a batch has the inputs of a draw that nobody waits for any more');
    }
  }

  /**
   * A worker begins a batch.
   *
   * @param isInAdvance whether the HTTP thread has it behind another batch
   */
  begins(batch: Batch, isInAdvance: boolean, worker: string): void {
    const draws = this.#drawsIn(batch);
    world().note(() => `${worker} begins ${draws.map((draw) => draw?.name ?? 'what was given back').join(', ')}`);
    const settledAtMs = Math.max(...draws.map((draw) => draw?.settledAtMs ?? (draw ? Number.POSITIVE_INFINITY : 0)));
    if (isInAdvance && !this.isStuck && settledAtMs < this.#watchedAtMs) {
      world().violate('a batch in advance was drawn although its callers had left before the last look');
    }
  }

  /** Called for each batch that the pool gets. */
  pooled(outcome: Promise<unknown>): void {
    this.pooledBatches += 1;
    this.#pooled += 1;
    const settled = () => {
      this.#pooled -= 1;
    };
    outcome.then(settled, settled);
  }

  watched(): void {
    this.#watchedAtMs = world().nowMs;
  }

  /** Called after each event. */
  check(): void {
    const { sampler } = this;
    if (sampler === undefined) return;
    let requests = 0;
    let units = 0;
    let smallUnits = 0;
    let heldBytes = 0;
    for (const draw of this.unsettled) {
      const { unitsLeft } = draw;
      if (draw.terms.deadlineAtMs <= this.#watchedAtMs) world().violate(`${draw.name} has no answer at its deadline`);
      if (!draw.hasLeft) heldBytes += draw.resultBytes;
      if (unitsLeft === 0) continue;
      requests += 1;
      units += unitsLeft;
      if (!draw.isLarge) smallUnits += unitsLeft;
    }
    const { queuedRequests, queuedUnits } = sampler.load();
    if (queuedRequests !== requests || queuedUnits !== units) {
      world().violate(
        `the queue counts ${queuedRequests} requests of ${queuedUnits} units, but ${requests} of ${units} wait`,
      );
    }
    this.#checkLimits(requests, smallUnits);
    this.#checkThreads(sampler);
    for (const bytes of this.sending.values()) heldBytes += bytes;
    if (this.budget.bytes < heldBytes) {
      world().violate(`results and replies take ${heldBytes} bytes, but ${this.budget.bytes} are counted`);
    }
    if (world().isBetweenTurns && !this.isStuck) this.#checkIdle(requests, units, smallUnits);
    if (world().random.chance(0.05)) this.#checkMayRefuse(sampler);
  }

  /** Whether no job waits in the queue. */
  get isQueueEmpty(): boolean {
    return [...this.unsettled].every(({ unitsLeft }) => unitsLeft === 0);
  }

  /** Whether nothing waits and nothing is drawn. */
  get isAtRest(): boolean {
    return this.unsettled.size === 0 && this.#pooled === 0 && !this.#drawsInline;
  }

  /** The most units that can be in front of a small draw that is queued now: small ones, and the running batches. */
  smallUnitsBeforeMax(): number {
    const rows = [...this.draws.values()].map(({ rowUnits }) => rowUnits);
    const batchUnitsMax = Math.max(this.settings.batchElementsMax, ...rows);
    const small = [...this.unsettled].filter(({ isLarge }) => !isLarge);
    const queued = small.reduce((units, { unitsLeft }) => units + unitsLeft, 0);
    return queued + this.#pooled * batchUnitsMax + (this.#drawsInline ? worthUnitsMin : 0);
  }

  /** Called once the sampler has closed. */
  checkEnd(): void {
    const { sampler } = this;
    if (this.unsettled.size > 0) throw new Violation('a draw has no outcome');
    if (this.budget.bytes !== 0) throw new Violation(`the account of memory has ${this.budget.bytes} bytes at the end`);
    if (this.#waited > this.draws.size) throw new Violation('a draw has waited twice');
    if (this.isStuck) return;
    if (this.threads.some(({ hasExited }) => !hasExited)) throw new Violation('a stop has left a thread');
    if (world().timers > 0) throw new Violation('a stop has left a timer');
    if (this.#pooled > 0) throw new Violation('the pool has batches at the end');
    if (sampler && sampler.load().queuedRequests > 0) throw new Violation('the queue has jobs at the end');
    const leaked = this.buffers.end();
    if (leaked > 0) throw new Violation(`${leaked} buffers were never given back`);
  }

  /** Batches that left the queue of a class: the HTTP thread draws no large jobs, and so takes no turn from them. */
  batchesOf(isLarge: boolean): number {
    return isLarge ? this.pooledBatches : this.pooledBatches + this.inlineBatches;
  }

  /**
   * The most batches that may start before the first draw of a caller in its class: each small job in front of it
   * leads one batch at most, and each large one as many as it has parts; of four batches one is of a large job.
   */
  batchesBefore(isLarge: boolean): number {
    const queued = [...this.unsettled].filter((draw) => draw.isLarge === isLarge && draw.unitsLeft > 0);
    if (!isLarge) return queued.length + Math.floor(queued.length / 3) + 1;
    return 4 * queued.reduce((parts, draw) => parts + draw.parts, 0) + 3;
  }

  #drawsIn({ parts, logits, categories }: Batch): (Draw | undefined)[] {
    const draws: (Draw | undefined)[] = [];
    let row = 0;
    for (let offset = 0; offset < parts.length; offset += partColumns.count) {
      // Undefined where the job has ended, and its memory was given back.
      draws.push(this.draws.get(logits[row * categories]));
      row += parts[offset + partColumns.rowCount];
    }
    return draws;
  }

  /**
   * No job waits in the queue, and no batch in the pool, while a worker is idle. The queue notices the replacement of a
   * lost worker at the next look.
   */
  #checkIdle(requests: number, units: number, smallUnits: number): void {
    const idle = this.threads.find(
      (thread) => thread.readyAtMs < this.#watchedAtMs && !thread.isStopped && !thread.hasExited && thread.held === 0,
    );
    if (idle === undefined) return;
    const held = this.threads.reduce((sum, thread) => sum + thread.held, 0);
    if (this.#pooled > held) world().violate(`${idle.name} is idle while a batch waits in the pool`);
    // Small work is drawn on this thread, one batch after the other.
    const isInlineWork = units === smallUnits && smallUnits < (requests === 1 ? worthUnitsMin : inlineUnitsMax);
    if (requests > 0 && !(isInlineWork && this.#drawsInline)) {
      world().violate(`${idle.name} is idle while ${requests} jobs of ${units} units wait in the queue`);
    }
  }

  /** The limits of the queue. While it is empty, it takes a job of any size. */
  #checkLimits(requests: number, smallUnits: number): void {
    const { workers, queueElementsMax, queueRequestsMax } = this.settings;
    if (requests > queueRequestsMax || (requests > 1 && smallUnits > workers * queueElementsMax)) {
      world().violate(`${requests} jobs are queued, and small ones of ${smallUnits} units: more than the limits`);
    }
  }

  /** No more threads than workers, and the state of the pool is what was seen of them. */
  #checkThreads(sampler: Sampler): void {
    const alive = this.threads.filter(({ hasExited }) => !hasExited);
    if (alive.length > this.settings.workers) {
      world().violate(`${alive.length} threads live, and ${this.settings.workers} are the most`);
    }
    const losses = this.#reportedAtMs.filter((atMs) => atMs > world().nowMs - lossesWindowMs).length;
    let state: PoolState = alive.length > 0 ? 'starting' : 'failed';
    if (alive.some(({ readyAtMs }) => readyAtMs <= world().nowMs)) state = 'ready';
    if (this.isStuck || losses >= lossesMax) state = 'failed';
    if (sampler.state() !== state) world().violate(`the pool is ${sampler.state()}, and should be ${state}`);
  }

  #checkMayRefuse(sampler: Sampler): void {
    if (sampler.mayRefuse()) return;
    for (const { caller } of this.unsettled) {
      if (sampler.refusal(caller)) world().violate('a caller is refused although nobody may be');
    }
  }

  #onWorkerLost(): void {
    this.#reportedAtMs.push(world().nowMs);
    world().note(() => 'a worker is reported lost');
    if (this.#reportedAtMs.length > this.losses) world().violate('a worker is reported lost that has not died');
  }

  #onStuck(): void {
    world().note(() => 'a worker is reported stuck');
    if (this.isStuck || !this.threads.some(({ isStuck }) => isStuck)) {
      world().violate('a worker is reported stuck that is not, or twice');
    }
    this.isStuck = true;
  }

  #inline(): Drawer {
    return {
      draw: async (batch) => {
        if (this.#drawsInline) world().violate('two batches are drawn on the HTTP thread at once');
        const { random } = world();
        const fails = random.chance(this.settings.failsInline);
        this.#drawsInline = true;
        this.inlineBatches += 1;
        this.sends(batch);
        this.begins(batch, false, 'the HTTP thread');
        if (random.chance(0.5)) {
          await new Promise<void>((done) => {
            world().after(world().delayMs(0.01, 2), 'the HTTP thread has drawn a batch', done);
          });
        }
        this.#drawsInline = false;
        if (fails) {
          this.buffers.lose(batch.buffer);
          throw new Error('out of luck');
        }
        return drawIdentities(batch, 0.1);
      },
    };
  }
}

/** Has every pool tell the present service what it gets, for good. */
export function observePools(): void {
  const { run, watch } = Pool.prototype;
  Pool.prototype.run = function (this: Pool, ...args) {
    const outcome = run.apply(this, args);
    service?.pooled(outcome);
    return outcome;
  };
  Pool.prototype.watch = function (this: Pool) {
    watch.call(this);
    service?.watched();
  };
}
