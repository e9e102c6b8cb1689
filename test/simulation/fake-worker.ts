/**
 * A worker thread of a simulation, in place of node:worker_threads.Worker: the protocol of sampler/worker/entry.ts on
 * virtual time. Messages keep their order and take any time. It draws at any speed, and may end in the middle of a
 * batch, while it is idle or before it is ready, or not answer any more.
 */
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import workerThreads from 'node:worker_threads';
import {
  batchOn,
  type FromWorker,
  stateColumns,
  type ToWorker,
  unwantedColumn,
  type WorkerData,
} from '../../src/sampler/messages.js';
import { drawIdentities } from './identity.js';
import type { Service } from './service.js';
import { world } from './world.js';

type Listener = (value?: unknown) => void;

let service: Service | undefined;

/** The simulation that threads are started in from now on. */
export function startThreadsIn(simulated: Service): void {
  service = simulated;
}

const messageMs = [0.005, 5] as const;
const startMs = [1, 200] as const;

/** A batch takes at most this share of watchdogMs, unless the thread is stuck. */
const watchdogShare = 0.2;

export class FakeWorker {
  readonly name: string;
  readonly #service: Service;
  readonly #listeners = new Map<string, Listener>();
  readonly #state: Int32Array;
  /** Messages and other events on their way to the HTTP thread, and to this thread. */
  readonly #outbox: (() => void)[] = [];
  readonly #inbox: ToWorker[] = [];
  /** Messages that wait for the batch that is drawn. */
  readonly #queue: ToWorker[] = [];
  #received = 0;
  /** Answers that the HTTP thread has. */
  #answered = 0;
  #isDrawing = false;
  #drawn: ArrayBuffer | undefined;
  isStuck = false;
  /** Whether the thread has ended, and whether the HTTP thread knows. */
  hasEnded = false;
  hasExited = false;
  /** What the HTTP thread knows: since when this is ready, whether it was told to stop, batches without an answer. */
  readyAtMs = Number.POSITIVE_INFINITY;
  isStopped = false;
  held = 0;

  constructor(_url: URL, { workerData }: { workerData: WorkerData }) {
    this.#service = service as Service;
    this.#state = workerData.state;
    this.name = `worker ${this.#service.threads.push(this)}`;
    const { random } = world();
    const { diesInStart, diesIdle } = this.#service.settings;
    const isReadyMs = world().delayMs(...startMs);
    if (random.chance(diesInStart)) {
      world().after(isReadyMs, `${this.name} dies before it is ready`, () => this.#die());
      return;
    }
    world().after(isReadyMs, `${this.name} has started`, () => {
      if (!this.hasEnded) this.#send('ready');
    });
    if (random.chance(diesIdle)) {
      world().after(isReadyMs + world().delayMs(1, 500), `${this.name} dies`, () => this.#die());
    }
  }

  on(name: string, listener: Listener): this {
    this.#listeners.set(name, listener);
    return this;
  }

  /** Called by the HTTP thread. */
  postMessage(message: ToWorker): void {
    if (message === 'stop') {
      this.isStopped = true;
      this.#inbox.push(message);
    } else {
      this.held += 1;
      this.#service.sends(batchOn(message));
      this.#inbox.push(this.#service.buffers.transfer(message));
    }
    world().after(world().delayMs(...messageMs), `${this.name} receives a message`, () => {
      const received = this.#inbox.shift() as ToWorker;
      if (this.hasEnded) this.#lose(received);
      else this.#queue.push(received);
      this.#work();
    });
  }

  #work(): void {
    if (this.#isDrawing || this.hasEnded || this.#queue.length === 0) return;
    const message = this.#queue.shift() as ToWorker;
    if (message === 'stop') {
      this.#end();
      return;
    }
    const isUnwanted = Atomics.load(this.#state, unwantedColumn(this.#received)) === 1;
    this.#received += 1;
    if (isUnwanted) {
      world().note(() => `${this.name} returns a batch undrawn`);
      this.#send(message);
      this.#work();
    } else {
      this.#draw(message);
    }
  }

  #draw(message: ArrayBuffer): void {
    const { settings } = this.#service;
    const { random } = world();
    const batch = batchOn(message);
    this.#service.begins(batch, this.#answered < this.#received - 1, this.name);
    this.#isDrawing = true;
    this.#drawn = message;
    Atomics.store(this.#state, stateColumns.inRuntime, 1);
    if (random.chance(settings.sticks)) {
      world().note(() => `${this.name} is stuck`);
      this.isStuck = true;
      return;
    }
    const units = batch.logits.length + batch.points.length + 1000;
    const busyMs = Math.min((random.between(1, 20) * units) / settings.unitsPerMs, watchdogShare * settings.watchdogMs);
    if (random.chance(settings.dies)) {
      const partMs = (busyMs * random.below(100)) / 100;
      world().after(partMs, `${this.name} dies in a batch`, () => this.#die());
      return;
    }
    world().after(busyMs, `${this.name} has drawn a batch`, () => {
      if (this.hasEnded) return;
      drawIdentities(batch, busyMs);
      Atomics.store(this.#state, stateColumns.inRuntime, 0);
      this.#isDrawing = false;
      this.#drawn = undefined;
      this.#send(message);
      this.#work();
    });
  }

  #die(): void {
    if (this.hasEnded) return;
    this.#service.losses += 1;
    if (world().random.chance(0.8)) this.#emit('error', () => new Error('out of luck'));
    this.#end();
  }

  #end(): void {
    this.hasEnded = true;
    const drawn = this.#drawn ? [this.#drawn] : [];
    for (const message of [...drawn, ...this.#queue.splice(0), ...this.#inbox]) this.#lose(message);
    this.#emit('exit', () => {
      this.hasExited = true;
      this.held = 0;
      return 0;
    });
  }

  /** What this thread had when it ended is nobody's any more. */
  #lose(message: ToWorker): void {
    if (message !== 'stop') this.#service.buffers.lose(message);
  }

  #send(message: FromWorker): void {
    const moved = message === 'ready' ? message : this.#service.buffers.transfer(message);
    this.#emit('message', () => {
      if (message === 'ready') this.readyAtMs = world().nowMs;
      else {
        // The pool takes it for undrawn, even if it was marked as unwanted too late.
        const isUnwanted = Atomics.load(this.#state, unwantedColumn(this.#answered)) === 1;
        if (isUnwanted) this.#service.buffers.lose(moved as ArrayBuffer);
        this.held -= 1;
        this.#answered += 1;
      }
      return moved;
    });
  }

  /** Emits an event on the HTTP thread after all before it. */
  #emit(name: string, value: () => unknown): void {
    this.#outbox.push(() => this.#listeners.get(name)?.(value()));
    world().after(world().delayMs(...messageMs), `an event of ${this.name} arrives`, () => this.#outbox.shift()?.());
  }
}

/** Puts these threads in the place of worker threads in this process, for good, and their processors with them. */
export function replaceWorkers(): void {
  Object.assign(workerThreads, { Worker: FakeWorker });
  Object.assign(os, { cpus: () => [] });
  syncBuiltinESMExports();
}
