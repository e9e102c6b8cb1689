/** A simulation of several processes: the real primary (supervisor, handover, deaths) on fake processes and sockets. */
import type { Logger } from 'pino';
import { readConfig } from '../../src/config.js';
import type { Metrics } from '../../src/observability/metrics.js';
import { Primary } from '../../src/processes/primary.js';
import { FakeProcesses, FakeSocket } from './fake-process.js';
import { Violation, type World } from './world.js';

/** Probabilities, of each process. */
export interface ProcessFaults {
  readonly failsToStart: number;
  readonly dies: number;
  readonly standsStill: number;
  readonly losesWorkers: number;
}

/** The longest that the end of a process may go unnoticed: some messages and a look of process-handle.ts. */
const noticeMs = 200;

const config = readConfig({ PROCESSES: '2', WORKERS: '2', HOST: '127.0.0.1', API_KEYS_FILE: '' });

/** @param rethrow throws an error that nobody has caught */
export async function simulateProcesses(world: World, rethrow: () => void): Promise<void> {
  const { random } = world;
  const often = (probability: number, of: readonly number[]) => (random.chance(probability) ? random.pick(of) : 0);
  const faults = {
    failsToStart: often(0.2, [0.1, 0.5]),
    dies: often(0.5, [0.2, 0.8]),
    standsStill: often(0.2, [0.2]),
    losesWorkers: often(0.3, [0.3]),
  };
  const settings = {
    ...config,
    processes: random.pick([2, 2, 3, 4]),
    connectionsMax: random.pick([2, 1024]),
    watchdogMs: random.pick([1000, 3000]),
    shutdownTimeoutMs: 2000,
  };
  world.note(() =>
    JSON.stringify({ ...faults, processes: settings.processes, connectionsMax: settings.connectionsMax }),
  );
  const processes = new FakeProcesses(faults);
  let tooMany = 0;
  const logger = { info: () => {}, error: (_fields: unknown, text: string) => world.note(() => text) };
  const primary = new Primary({
    config: settings,
    logger: logger as unknown as Logger,
    metrics: { processRestarted: () => {} } as unknown as Metrics,
    environment: {},
    execArgv: [],
    tooManyDeaths: () => {
      tooMany += 1;
      if (tooMany > 1) world.violate('too many deaths are reported twice');
    },
  });
  const sockets: FakeSocket[] = [];
  const check = () => {
    rethrow();
    checkWaiting(world, processes, sockets, settings.connectionsMax);
  };
  let state: 'starting' | 'listening' | 'failed' = 'starting';
  primary.start().then(
    () => {
      state = 'listening';
    },
    () => {
      state = 'failed';
    },
  );
  await world.run(() => state !== 'starting' || tooMany > 0, rethrow);
  // server.ts then ends the primary, and all of them with it.
  if (tooMany > 0) {
    primary.kill();
    await world.run(() => processes.all.every(({ connected }) => !connected), rethrow);
    return;
  }
  if (state === ('failed' as string)) {
    await world.run(() => processes.all.every(({ connected }) => !connected), rethrow);
    if (faults.standsStill === 0 && processes.all.every(({ isKilled }) => isKilled)) {
      throw new Violation('the start fails, but no process has failed');
    }
    return;
  }
  let line: string | undefined;
  primary.listen().then((text) => {
    line = text;
  });
  await world.run(() => line !== undefined, rethrow);
  const connect = (left: number) => {
    world.after(random.chance(0.5) ? 0 : world.delayMs(0.1, 2000), 'a client connects', () => {
      const [server] = processes.servers;
      if (!server.isListening) return;
      const socket = new FakeSocket(`connection ${sockets.length + 1}`);
      sockets.push(socket);
      server.emit('connection', socket);
      if (left > 0) connect(left - 1);
    });
  };
  const count = random.pick([5, 20, 40]);
  connect(count);
  let stops = false;
  world.after(world.delayMs(1, 30_000), 'the service stops', () => {
    stops = true;
  });
  await world.run(() => stops || tooMany > 0, check);
  let ended: string | undefined;
  primary.stop(random.pick([0, 100])).then(
    () => {
      ended = 'well';
    },
    (error: Error) => {
      ended = error.message;
    },
  );
  await world.run(() => ended !== undefined, rethrow);
  if (processes.all.some(({ connected }) => connected)) throw new Violation('a stop has left a process');
  if (world.timers > 0) throw new Violation('a stop has left a timer');
  world.note(() => `stopped: ${ended}`);
  if (ended !== 'well' && !processes.all.some(({ isServing, wasLost }) => isServing && wasLost)) {
    throw new Violation(`the stop fails: ${ended}`);
  }
  // No process was lost or replaced: every connection that was accepted has been received.
  if (
    processes.all.length === settings.processes &&
    processes.all.every(({ wasLost }) => !wasLost) &&
    settings.connectionsMax > sockets.length
  ) {
    const lost = sockets.filter(({ receivers }) => receivers.length !== 1);
    if (lost.length > 0) throw new Violation(`${lost[0].name} was received by ${lost[0].receivers.length} processes`);
  }
}

/** No connection waits while a process could take it, and none is closed that no process has. */
function checkWaiting(
  world: World,
  processes: FakeProcesses,
  sockets: readonly FakeSocket[],
  waitingMax: number,
): void {
  for (const socket of sockets) {
    if (socket.isClosedByPrimary && socket.receivers.length === 0 && sockets.length <= waitingMax) {
      world.violate(`${socket.name} was closed, and no process has received it`);
    }
  }
  // The primary learns of an end a little later, and what it has sent meanwhile goes to another one then.
  if (processes.all.some(({ endedAtMs }) => endedAtMs > world.nowMs - noticeMs)) return;
  const free = processes.all.find(({ isTaking, coming }) => isTaking && coming === undefined);
  if (free === undefined) return;
  const coming = new Set(processes.all.filter(({ connected }) => connected).map((each) => each.coming));
  const waits = sockets.find((socket) => !socket.isClosedByPrimary && !coming.has(socket));
  if (waits) world.violate(`${waits.name} waits while ${free.name} is free`);
}
