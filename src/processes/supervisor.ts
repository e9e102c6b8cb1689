/**
 * Starts the processes, replaces those that die, and ends all of them. A process whose event loop stands still is
 * killed. A process that has lost its workers finishes its requests while another one replaces it.
 */
import type { Logger } from 'pino';
import { ConfigError } from '../option.js';
import { Deaths } from './deaths.js';
import type { FromProcess } from './messages.js';
import { HttpProcess } from './process-handle.js';

export interface SupervisorOptions {
  readonly count: number;
  readonly environmentOf: (number: number) => Readonly<Record<string, string | undefined>>;
  readonly execArgv: readonly string[];
  /** How long the event loop of a process may stand still. */
  readonly watchdogMs: number;
  /** How long a process that was told to end may take. */
  readonly finishMs: number;
  readonly logger: Logger;
  /** Called with every message that is not about the state of the process. */
  readonly heard: (child: HttpProcess, message: FromProcess) => void;
  /** Called when a process takes connections from now on. */
  readonly serving: (child: HttpProcess) => void;
  /** Called when a process must get no more connections. */
  readonly leaving: (child: HttpProcess) => void;
  /** Called when a process has exited. */
  readonly ended: (child: HttpProcess) => void;
  /** Called when a process is replaced. */
  readonly restarted: () => void;
  /** Called when too many have died: none is replaced any more. */
  readonly tooManyDeaths: () => void;
}

/** Time limit of a start, which takes a second or two. */
const startMsMax = 60_000;

const watchIntervalMs = 500;

/** Limits the silence that one look adds: if the machine stood still, so did the processes. */
const watchStepMsMax = 1000;

/** EX_CONFIG of sysexits.h. */
const configurationCode = 78;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #deaths = new Deaths(() => performance.now());
  /** The current process of each number. */
  readonly #processes = new Map<number, HttpProcess>();
  /** Processes that finish their requests while another one has their number. */
  readonly #retired = new Set<HttpProcess>();
  readonly #restarts = new Set<NodeJS.Timeout>();
  readonly #watch: NodeJS.Timeout;
  #watchedAtMs = performance.now();
  /** Set until the first processes have started. */
  #starting: { readonly ready: () => void; readonly failed: (error: Error) => void } | undefined;
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#watch = setInterval(() => this.#look(), watchIntervalMs).unref();
  }

  /** The processes that take connections, by number. */
  get serving(): readonly HttpProcess[] {
    const serving = [...this.#processes.values()].filter((child) => child.serving);
    return serving.sort((a, b) => a.number - b.number);
  }

  /** The processes that finish their requests and have been replaced. */
  get retired(): readonly HttpProcess[] {
    return [...this.#retired];
  }

  /** The number of processes that can draw. */
  get drawing(): number {
    return this.serving.filter((child) => child.drawing).length;
  }

  /**
   * Starts all processes. Resolves when each takes connections.
   *
   * @throws {ConfigError | Error} the error of the first process that could not start. The others are killed.
   */
  async start(): Promise<void> {
    try {
      await new Promise<void>((ready, failed) => {
        this.#starting = { ready, failed };
        for (let number = 1; number <= this.#options.count; number++) this.#start(number);
      });
    } catch (error) {
      this.kill();
      throw error;
    } finally {
      this.#starting = undefined;
    }
  }

  /** Makes /readyz of every process reply 503. From now on none is replaced. */
  drain(): void {
    this.#replaceNoMore();
    for (const child of this.#processes.values()) {
      if (child.serving) child.tell({ type: 'drain' });
      else child.kill();
    }
  }

  /**
   * Has every process finish its requests and end.
   *
   * @throws {Error} if a process has not ended with code 0
   */
  async finish(): Promise<void> {
    const ends = [...this.#processes.values(), ...this.#retired].map(async (child) => {
      const { serving, number } = child;
      child.tell({ type: 'finish' });
      const code = await child.exit;
      if (serving && code !== 0) throw new Error(`process ${number} did not stop well: ${code ?? 'it was killed'}`);
    });
    const outcomes = await Promise.allSettled(ends);
    clearInterval(this.#watch);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
  }

  /** Kills all processes. */
  kill(): void {
    this.#replaceNoMore();
    for (const child of [...this.#processes.values(), ...this.#retired]) child.kill();
  }

  #replaceNoMore(): void {
    this.#stopping = true;
    for (const restart of this.#restarts) clearTimeout(restart);
  }

  #start(number: number): void {
    const { environmentOf, execArgv } = this.#options;
    const child = new HttpProcess({
      number,
      environment: environmentOf(number),
      execArgv,
      heard: (_process, message) => this.#hear(child, message),
      ended: (_process, how) => this.#lose(child, how),
    });
    this.#processes.set(number, child);
  }

  #hear(child: HttpProcess, message: FromProcess): void {
    const { logger, count, serving, heard } = this.#options;
    switch (message.type) {
      case 'serving':
        child.serving = true;
        serving(child);
        if (this.#stopping) child.tell({ type: 'drain' });
        heard(child, message);
        if (this.#starting) {
          if (this.serving.length === count) this.#starting.ready();
        } else {
          logger.info({ process: child.number, pid: child.pid }, 'a process replaces a lost one');
        }
        break;
      case 'failed': {
        const { message: text, code } = message;
        if (!this.#starting) logger.error({ process: child.number, reason: text }, 'a process could not start');
        this.#starting?.failed(code === configurationCode ? new ConfigError(text) : new Error(text));
        break;
      }
      case 'beat':
        this.#setDrawing(child, message.state === 'ready');
        if (message.state === 'failed') this.#retire(child);
        break;
      default:
        heard(child, message);
    }
  }

  #setDrawing(child: HttpProcess, drawing: boolean): void {
    if (child.drawing === drawing) return;
    child.drawing = drawing;
    this.#tellDrawing();
  }

  /** Tells each process whether another one can draw. */
  #tellDrawing(): void {
    for (const child of this.serving) {
      const others = this.drawing - (child.drawing ? 1 : 0);
      child.tell({ type: 'othersDraw', othersDraw: others > 0 });
    }
  }

  #lose(child: HttpProcess, how: string): void {
    this.#options.ended(child);
    if (this.#retired.delete(child)) return;
    this.#processes.delete(child.number);
    this.#starting?.failed(new Error(`process ${child.number} ended during its start: ${how}`));
    if (this.#stopping || this.#starting) return;
    this.#tellDrawing();
    this.#options.logger.error({ process: child.number, pid: child.pid, how }, 'a process was lost');
    this.#replace(child.number);
  }

  /** Has a process whose workers have failed finish its requests, and replaces it. */
  #retire(child: HttpProcess): void {
    if (this.#stopping || child.leaving) return;
    const { logger, leaving, finishMs } = this.#options;
    child.leaving = true;
    this.#processes.delete(child.number);
    this.#retired.add(child);
    logger.error({ process: child.number, pid: child.pid }, 'a process has lost its workers: replacing it');
    leaving(child);
    child.tell({ type: 'drain' });
    child.tell({ type: 'finish' });
    const force = setTimeout(() => child.kill(), finishMs);
    void child.exit.then(() => clearTimeout(force));
    this.#tellDrawing();
    this.#replace(child.number);
  }

  #replace(number: number): void {
    const delayMs = this.#deaths.count();
    if (delayMs === undefined) {
      this.#options.tooManyDeaths();
      return;
    }
    this.#options.restarted();
    const restart = setTimeout(() => {
      this.#restarts.delete(restart);
      this.#start(number);
    }, delayMs);
    this.#restarts.add(restart);
  }

  #look(): void {
    const nowMs = performance.now();
    const stepMs = Math.min(nowMs - this.#watchedAtMs, watchStepMsMax);
    this.#watchedAtMs = nowMs;
    for (const child of this.#processes.values()) {
      child.silentMs += stepMs;
      if (child.silentMs <= (child.serving ? this.#options.watchdogMs : startMsMax)) continue;
      child.silentMs = 0;
      this.#options.logger.error({ process: child.number, pid: child.pid }, 'a process is stuck: killing it');
      child.kill();
    }
  }
}
