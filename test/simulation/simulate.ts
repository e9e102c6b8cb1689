/** One simulation: builds a service and its clients from a seed, runs them to the end, and says what went wrong. */
import { Client, type Key } from './client.js';
import { replaceBuffers } from './fake-buffers.js';
import { replaceProcesses } from './fake-process.js';
import { replaceWorkers } from './fake-worker.js';
import { simulateProcesses } from './processes.js';
import { observePools, Service } from './service.js';
import { settingsOf } from './workload.js';
import { replaceClock, Violation, World } from './world.js';

export interface Outcome {
  /** What went wrong; undefined if all held. */
  readonly failure: string | undefined;
  /** The events, if they were asked for. */
  readonly trace: readonly string[];
  readonly figures: Figures;
}

/** How much a simulation has seen. */
export interface Figures {
  readonly draws: number;
  readonly drawn: number;
  readonly batches: number;
  readonly losses: number;
  readonly virtualMs: number;
}

/** One simulation of so many is of several processes, the others are of what happens in one. */
const processesEvery = 4;

/** Errors that nobody catches would end the service. */
let uncaught: unknown;

/** Replaces what the platform gives to the service, in this process and for good. Call it before `simulate`. */
export function replacePlatform(): void {
  // Most errors are refusals, whose stack traces nobody reads.
  Error.stackTraceLimit = 4;
  replaceClock();
  replaceWorkers();
  replaceBuffers();
  replaceProcesses();
  observePools();
  const keep = (error: unknown) => {
    uncaught ??= error;
  };
  process.on('unhandledRejection', keep).on('uncaughtException', keep);
}

/** Simulations run one after the other: they share the clock. */
export async function simulate(seed: number, traced = false): Promise<Outcome> {
  uncaught = undefined;
  const world = new World(seed, traced);
  const { nowMs: startedAtMs } = world;
  const settings = settingsOf(world.random);
  world.note(() => JSON.stringify(settings));
  const service = new Service(settings);
  let failure: string | undefined;
  try {
    if (seed % processesEvery === 0) await simulateProcesses(world, rethrow);
    else await run(world, service);
  } catch (error) {
    failure = error instanceof Violation ? error.message : error instanceof Error ? `${error.stack}` : String(error);
  }
  await world.settle();
  service.buffers.end();
  const draws = [...service.draws.values()];
  const figures = {
    draws: draws.length,
    drawn: draws.filter(({ hasFailed }) => !hasFailed).length,
    batches: service.batchesOf(false),
    losses: service.losses,
    virtualMs: world.nowMs - startedAtMs,
  };
  return { failure, trace: world.trace ?? [], figures };
}

function rethrow(): void {
  if (uncaught !== undefined) throw uncaught;
}

async function run(world: World, service: Service): Promise<void> {
  const { settings } = service;
  let started: 'yes' | 'no' | undefined;
  const check = () => {
    rethrow();
    service.check();
  };
  service.start().then(
    () => {
      started = 'yes';
    },
    (error: Error) => {
      world.note(() => `the service does not start: ${error.message}`);
      started = 'no';
    },
  );
  await world.run(() => started !== undefined, check);
  if (started === 'no') {
    if (service.losses === 0) throw new Violation('the service does not start');
    if (service.threads.some(({ hasExited }) => !hasExited)) throw new Violation('a failed start has left a thread');
    return;
  }
  const keys: Key[] = Array.from({ length: settings.keys }, (_, index) => ({ name: `key ${index}`, charged: 0 }));
  const clients = Array.from({ length: settings.clients }, (_, index) => {
    const key = keys.length > 0 && world.random.chance(0.7) ? world.random.pick(keys) : undefined;
    return new Client(service, index + 1, key);
  });
  const areOver = () => clients.every(({ isOver }) => isOver);
  let stops = false;
  if (settings.stopAfterMs !== undefined) {
    world.after(settings.stopAfterMs, 'the service stops', () => {
      stops = true;
    });
  }
  await world.run(() => stops || areOver(), check);
  // Every lost worker is replaced in the end, and once: some looks later there are no more.
  const isWhole = () => service.isStuck || service.sampler?.load().workersAlive === settings.workers;
  if (!stops) await world.run(() => stops || isWhole(), check);
  const untilMs = world.nowMs + (service.losses > 0 ? 200 : 0);
  if (!stops) await world.run(() => stops || world.nowMs >= untilMs, check);
  // Stuck: the process ends. It has answered everybody before.
  if (service.isStuck) await world.run(areOver, check);
  else await stop(world, service, clients, check);
  service.checkEnd();
}

/** Stops in one of three ways: requests finish first; connections are cut first; or nothing is waited for. */
async function stop(world: World, service: Service, clients: readonly Client[], check: () => void): Promise<void> {
  const areOver = () => clients.every(({ isOver }) => isOver);
  const how = world.random.pick(['finish', 'cut', 'at once'] as const);
  world.note(() => `stop: ${how}`);
  for (const client of clients) {
    client.stop();
    if (how === 'cut') client.cut();
    if (how === 'at once') client.cutUnread();
  }
  if (how !== 'at once') await world.run(areOver, check);
  let closed = false;
  void service.sampler?.close().then(() => {
    world.note(() => 'stopped');
    closed = true;
  });
  await world.run(() => (closed && areOver()) || (service.isStuck && areOver()), check);
  if (!closed && !service.isStuck) throw new Violation('the stop has not ended');
}
