/**
 * A process of a simulated service of several, in place of what node:child_process.fork returns: the messages of
 * processes/messages.ts on virtual time. It may not start, die, stand still, or lose its workers.
 */
import childProcess from 'node:child_process';
import { EventEmitter } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import timersPromises from 'node:timers/promises';
import type { FromPrimary, FromProcess } from '../../src/processes/messages.js';
import type { ProcessFaults } from './processes.js';
import { type Upcoming, world } from './world.js';

const messageMs = [0.01, 10] as const;
const startMs = [10, 2000] as const;
const requestMs = [0.1, 500] as const;
const beatMs = 250;

/** A connection that the primary has accepted. */
export class FakeSocket extends EventEmitter {
  readonly name: string;
  /** Processes that have received it. */
  readonly receivers: FakeProcess[] = [];
  isClosedByPrimary = false;

  constructor(name: string) {
    super();
    this.name = name;
  }

  destroy(): void {
    this.isClosedByPrimary = true;
  }
}

/** The listening socket of the primary. */
export class FakeServer extends EventEmitter {
  isListening = false;

  listen(): this {
    world().after(1, 'the primary listens', () => {
      this.isListening = true;
      this.emit('listening');
    });
    return this;
  }

  address(): { port: number } {
    return { port: 8080 };
  }

  close(): void {
    this.isListening = false;
  }
}

/** The processes of the present simulation. */
export class FakeProcesses {
  readonly faults: ProcessFaults;
  readonly all: FakeProcess[] = [];
  readonly servers: FakeServer[] = [];
  /** How often the primary has heard that a process can take a connection. */
  turns = 0;

  constructor(faults: ProcessFaults) {
    this.faults = faults;
    current = this;
  }
}

let current: FakeProcesses | undefined;

export class FakeProcess extends EventEmitter {
  readonly pid: number;
  connected = true;
  hasEnded = false;
  endedAtMs = Number.NEGATIVE_INFINITY;
  isServing = false;
  isKilled = false;
  /** Whether it ended without having been told to finish. */
  wasLost = false;
  /** Whether the primary knows that it takes connections, and has not been told that it lost its workers. */
  isTaking = false;
  /** The connection on its way to it. */
  coming: FakeSocket | undefined;
  /** Which of `turns` was its last: of two processes that are free, the one with the lower number is first. */
  turn = 0;
  readonly #processes: FakeProcesses;
  readonly #faults: ProcessFaults;
  /** Messages and the exit, on their way to the primary. */
  readonly #outbox: (() => void)[] = [];
  readonly #inbox: (() => void)[] = [];
  #requests = 0;
  #isFinishing = false;
  #standsStill = false;
  #beat: Upcoming | undefined;

  constructor(processes: FakeProcesses) {
    super();
    this.#processes = processes;
    this.#faults = processes.faults;
    this.pid = processes.all.push(this);
    const { random } = world();
    const inMs = world().delayMs(...startMs);
    if (random.chance(this.#faults.failsToStart)) {
      this.#later(inMs, 'cannot start', () => {
        this.#say({ type: 'failed', message: 'out of luck', code: 70 });
        this.#end(70, null);
      });
      return;
    }
    this.#later(inMs, 'serves', () => {
      this.isServing = true;
      this.#say({ type: 'serving', provider: 'cpu', device: 'unknown' });
      this.#say({ type: 'beat', state: 'ready' });
      this.#beat = world().every(beatMs, `${this.name} beats`, () => {
        if (!this.#standsStill) this.#say({ type: 'beat', state: 'ready' });
      });
    });
    if (random.chance(this.#faults.dies)) {
      this.#later(world().delayMs(1, 20_000), 'dies', () => this.#end(null, 'SIGSEGV'));
    }
    if (random.chance(this.#faults.standsStill)) {
      this.#later(world().delayMs(100, 5000), 'stands still', () => {
        this.#standsStill = true;
      });
    }
    if (random.chance(this.#faults.losesWorkers)) {
      this.#later(inMs + world().delayMs(1, 5000), 'loses its workers', () => {
        if (this.isServing) this.#say({ type: 'beat', state: 'failed' });
      });
    }
  }

  get name(): string {
    return `process ${this.pid}`;
  }

  send(message: FromPrimary, socketOrSent?: unknown): boolean {
    const socket = socketOrSent instanceof FakeSocket ? socketOrSent : undefined;
    if (socket) {
      this.#checkTurn(socket);
      this.coming = socket;
    }
    this.#inbox.push(() => this.#hear(message, socket));
    world().after(world().delayMs(...messageMs), `${message.type} arrives at ${this.name}`, () => this.#work());
    return true;
  }

  kill(): boolean {
    this.isKilled ||= !this.hasEnded;
    this.#end(null, 'SIGKILL');
    return true;
  }

  #checkTurn(socket: FakeSocket): void {
    const first = this.#processes.all.find(
      ({ connected, isTaking, coming, turn }) => connected && isTaking && coming === undefined && turn < this.turn,
    );
    if (first) world().violate(`${this.name} gets ${socket.name}, but ${first.name} has been free for longer`);
  }

  #later(ms: number, what: string, run: () => void): void {
    world().after(ms, `${this.name} ${what}`, () => {
      if (!this.hasEnded) run();
    });
  }

  #work(): void {
    if (this.hasEnded || this.#standsStill) return;
    for (const hear of this.#inbox.splice(0)) hear();
  }

  #hear(message: FromPrimary, socket: FakeSocket | undefined): void {
    if (message.type === 'connection' && socket) {
      if (socket.receivers.some(({ hasEnded }) => !hasEnded))
        world().violate(`${socket.name} is given to two processes`);
      if (socket.isClosedByPrimary) world().violate(`${socket.name} is closed before it was received`);
      if (this.#isFinishing) world().violate(`${this.name} gets ${socket.name} after it was told to finish`);
      world().note(() => `${this.name} receives ${socket.name}`);
      socket.receivers.push(this);
      this.#requests += 1;
      this.#say({ type: 'received' });
      this.#later(world().delayMs(...requestMs), `has served ${socket.name}`, () => {
        this.#requests -= 1;
        this.#endIfDone();
      });
    } else if (message.type === 'finish') {
      this.#isFinishing = true;
      this.#endIfDone();
    }
  }

  #endIfDone(): void {
    if (this.#isFinishing && this.#requests === 0) this.#end(0, null);
  }

  #end(code: number | null, signal: string | null): void {
    if (this.hasEnded) return;
    world().note(() => `${this.name} ends: ${code ?? signal}`);
    this.hasEnded = true;
    this.endedAtMs = world().nowMs;
    this.wasLost = code !== 0;
    world().cancel(this.#beat);
    // Messages may still arrive after the exit; the channel ends after the last of them.
    world().after(world().delayMs(...messageMs), `the exit of ${this.name} arrives`, () => {
      this.isTaking = false;
      this.emit('exit', code, signal);
    });
    this.#post(`the channel of ${this.name} ends`, () => {
      this.connected = false;
    });
  }

  #say(message: FromProcess): void {
    this.#post(`${message.type} of ${this.name} arrives`, () => {
      if (message.type === 'received') this.coming = undefined;
      if (message.type === 'serving' || message.type === 'received') this.turn = ++this.#processes.turns;
      if (message.type === 'serving') this.isTaking = !this.hasEnded;
      if (message.type === 'beat' && message.state === 'failed') this.isTaking = false;
      this.emit('message', message);
    });
  }

  #post(what: string, arrives: () => void): void {
    this.#outbox.push(arrives);
    world().after(world().delayMs(...messageMs), what, () => this.#outbox.shift()?.());
  }
}

/** Puts these in the place of processes, listening sockets and sleeps in this process, for good. */
export function replaceProcesses(): void {
  Object.assign(childProcess, { fork: () => new FakeProcess(current as FakeProcesses) });
  const createServer = () => {
    const server = new FakeServer();
    current?.servers.push(server);
    return server;
  };
  Object.assign(net, { createServer });
  const sleep = (ms: number) => new Promise<void>((done) => world().after(Math.max(1, ms), 'a sleep ends', done));
  Object.assign(timersPromises, { setTimeout: sleep });
  syncBuiltinESMExports();
}
