/**
 * Process entry: configuration, signals, exit codes. Only this file, `process-end.ts` and `onnx/session.ts` touch
 * `process`; the last one switches ONNX Runtime's telemetry off.
 *
 * Exit codes (names from sysexits.h):
 * - 0 after a clean stop.
 * - 78 (EX_CONFIG) when the configuration, the execution provider or the limit on open files cannot work.
 * - 70 (EX_SOFTWARE) when the start fails otherwise, a worker is stuck, a stop takes too long, too many of several
 *   processes have died, or there is a bug.
 * - 128 + n after a second signal n.
 */
import { readFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import type { Logger } from 'pino';
import type { Config } from './config.js';
import type { Log } from './observability/log.js';
import type { Metrics } from './observability/metrics.js';
import { ProcessEnd } from './process-end.js';
import type { Channel, Parent } from './processes/parent.js';
import type { Primary } from './processes/primary.js';
import { settleMemory } from './runtime/memory-settings.js';
import { ranOutOfFiles, tooFewOpenFiles } from './runtime/open-files.js';
import type { Service } from './service.js';

const exitCodes = { software: 70, configuration: 78, signal: 128 } as const;

/** Signals that people and process managers send to stop a process. Each terminates it by default. */
const stopSignals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const;
type StopSignal = (typeof stopSignals)[number];

/**
 * The same signal again within this time is a duplicate. npm forwards SIGINT and SIGTERM to a process that the terminal
 * or the process manager has already signalled (https://github.com/npm/cli/issues/5021), and so does timeout(1). Can go
 * when neither does.
 */
const duplicateSignalMs = 1000;

/** Time limit of a stop that begins before the configuration has been read. */
const earlyStopTimeoutMs = 20_000;

/** Time to send the error replies of a stuck worker's callers before the process ends. */
const stuckRepliesMs = 500;

/** The number of this process if the primary of a service of several processes has started it. */
const processNumber = process.send && numberIn(process.argv[2]);

function numberIn(argument = ''): number | undefined {
  const digits = /^--process=(\d+)$/.exec(argument)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function readVersion(): string {
  // The build lies in dist/src, two folders below package.json.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

interface Parts {
  readonly config: Config;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/**
 * The service in this process, from start to exit. With PROCESSES above 1 this is the primary, or one of the processes
 * that it starts.
 */
class ServiceProcess {
  readonly #processEnd = new ProcessEnd(() => this.#service?.holdsThreads ?? this.#isStartingWorkers);
  #config: Config | undefined;
  #log: Log | undefined;
  #metrics: Metrics | undefined;
  /** Undefined in a primary. */
  #service: Service | undefined;
  /** Set in a primary. */
  #primary: Primary | undefined;
  /** Set in a process that a primary has started. */
  #parent: Parent | undefined;
  /** Starting workers are inside ONNX Runtime, which aborts the process if it ends then. */
  #isStartingWorkers = false;
  /** Workers of this process, or of one that a primary starts, as far as known. */
  #workers = 1;
  /** The exit code after a clean stop. */
  #stopCode = 0;
  #firstSignal: { readonly signal: StopSignal; readonly atMs: number } | undefined;

  /**
   * Installs the listeners for signals and uncaught errors. Call it first: a signal during the start must wait until
   * the workers have started.
   */
  listen(): void {
    // The kernel drops signals to process 1 of a container that has no listener for them:
    // https://github.com/nodejs/docker-node/blob/main/docs/BestPractices.md#handling-kernel-signals
    // The primary decides when its processes stop: a terminal or a process manager may signal all of them at once.
    const onSignal = processNumber === undefined ? (signal: StopSignal) => this.#onSignal(signal) : () => {};
    for (const signal of stopSignals) process.on(signal, onSignal);
    // Without a listener SIGUSR1 opens Node's inspector, and any client of port 9229 can then run code in this process.
    // Can go when Node.js 22.14 is the oldest version: --disable-sigusr1 (https://github.com/nodejs/node/pull/56441).
    process.on('SIGUSR1', () => {});
    process.on('uncaughtException', (error) => this.#fail(error, 'uncaught error: ending with code 70'));
  }

  async start(): Promise<void> {
    try {
      // Before the other imports, which are the first to fail when no file can be opened.
      if (!this.#enoughFiles(1)) return;
      if (processNumber !== undefined) await this.#connectToParent();
      await this.#serve();
    } catch (error) {
      const filesLine = ranOutOfFiles(error, this.#workers);
      const message = filesLine ?? (error instanceof Error ? error.message : String(error));
      // Compared by name: importing the class may be what failed.
      const isConfiguration = filesLine !== undefined || (error instanceof Error && error.name === 'ConfigError');
      this.#cannotStart(message, isConfiguration ? exitCodes.configuration : exitCodes.software);
    }
  }

  async #serve(): Promise<void> {
    const { readConfig } = await import('./config.js');
    const { openLog } = await import('./observability/log.js');
    const { Metrics } = await import('./observability/metrics.js');
    const config = readConfig(process.env);
    const isPrimary = processNumber === undefined && config.processes > 1;
    if (!this.#enoughFiles(isPrimary ? Math.ceil(config.workers / config.processes) : config.workers)) return;
    const metrics: Metrics = new Metrics(this.#parent?.metrics);
    const log = openLog({ level: config.logLevel, fd: 1, lineDropped: metrics.lineDropped, process: processNumber });
    const { logger } = log;
    this.#config = config;
    this.#metrics = metrics;
    this.#log = log;
    this.#processEnd.log = log;
    if (this.#firstSignal) return this.#stop();
    if (isPrimary) await this.#startProcesses({ config, metrics, logger });
    else await this.#startService({ config, metrics, logger });
    if (this.#firstSignal) return this.#stop();
    try {
      await this.#listen(logger);
    } catch (error) {
      // After a stop signal, a failed listen is not a failed start.
      if (!this.#firstSignal) throw error;
    }
  }

  async #startService(parts: Parts): Promise<void> {
    const { Service } = await import('./service.js');
    const quotaOf = this.#parent?.quotaOf;
    const onStuck = () => this.#onWorkerStuck();
    this.#isStartingWorkers = true;
    try {
      const options = { version: readVersion(), process: processNumber, onStuck, ...(quotaOf && { quotaOf }) };
      this.#service = await Service.create({ ...parts, ...options });
    } finally {
      this.#isStartingWorkers = false;
    }
    settleMemory();
  }

  async #startProcesses(parts: Parts): Promise<void> {
    const { Primary } = await import('./processes/primary.js');
    const { env: environment, execArgv } = process;
    const primary = new Primary({ ...parts, environment, execArgv, tooManyDeaths: () => this.#onTooManyDeaths() });
    // Every end of this process ends the others.
    process.on('exit', () => primary.kill());
    await primary.start();
    this.#primary = primary;
  }

  async #listen(logger: Logger): Promise<void> {
    if (this.#primary) {
      const line = await this.#primary.listen();
      logger.info({ pids: this.#primary.pids }, line);
      return;
    }
    const service = this.#service as Service;
    if (this.#parent) {
      await service.listenToReceived();
      this.#parent.serving(service.drawsOn, () => service.state);
    } else {
      logger.info(await service.listen());
    }
  }

  /** Obeys the primary that has started this process. */
  async #connectToParent(): Promise<void> {
    const { Parent } = await import('./processes/parent.js');
    this.#parent = new Parent(process as Channel, {
      connection: (socket) => this.#service?.receive(socket),
      drain: () => this.#service?.drain(),
      finish: () => void this.#stop(),
      othersDraw: (othersDraw) => this.#service?.setOthersDraw(othersDraw),
      values: async () => (await this.#metrics?.values()) ?? [],
      orphaned: () => this.#onOrphaned(),
    });
  }

  /** The primary has died: this process finishes the requests in flight, then ends. */
  #onOrphaned(): void {
    this.#log?.logger.fatal('the primary has ended: finishing the requests in flight, then ending');
    if (!this.#service) this.#processEnd.begin(exitCodes.software);
    this.#service?.drain();
    this.#limitStop(0);
    void this.#stop();
  }

  #enoughFiles(workers: number): boolean {
    this.#workers = workers;
    const tooFew = tooFewOpenFiles(workers);
    if (tooFew !== undefined) this.#cannotStart(tooFew, exitCodes.configuration);
    return tooFew === undefined;
  }

  #cannotStart(message: string, code: number): void {
    try {
      if (this.#parent) this.#parent.failed(message, code);
      else writeSync(2, `gumbel-sampler cannot start: ${message}\n`);
    } catch {
      // stderr is closed: the exit code has to be enough.
    }
    this.#processEnd.begin(code);
  }

  /** The first signal stops the service; a second one terminates the process immediately. */
  #onSignal(signal: StopSignal): void {
    if (this.#processEnd.begun) return;
    const [first, atMs] = [this.#firstSignal, performance.now()];
    const logger = this.#log?.logger;
    if (first) {
      if (signal === first.signal && atMs - first.atMs < duplicateSignalMs) return;
      logger?.fatal({ signal }, 'second signal: ending now');
      this.#processEnd.begin(exitCodes.signal + constants.signals[signal]);
      return;
    }
    this.#firstSignal = { signal, atMs };
    const drainDelayMs = this.#config?.drainDelayMs ?? 0;
    logger?.info(
      { signal, drainDelayMs },
      'stopping: /readyz replies 503 from now on, requests in flight are finished',
    );
    this.#limitStop(drainDelayMs);
    if (this.#service ?? this.#primary) void this.#stop();
  }

  async #stop(): Promise<void> {
    try {
      // The primary waits for the drain delay before it tells its processes to stop.
      const drainDelayMs = this.#parent ? 0 : (this.#config?.drainDelayMs ?? 0);
      await (this.#primary ?? this.#service)?.stop(drainDelayMs);
      this.#processEnd.begin(this.#stopCode);
    } catch (error) {
      this.#fail(error, 'the stop failed: ending with code 70');
    }
  }

  /** Ends the process after a bug, unless it is ending already. */
  #fail(error: unknown, message: string): void {
    if (this.#processEnd.begun) return;
    try {
      this.#log?.logger.fatal({ err: error }, message);
    } finally {
      this.#processEnd.begin(exitCodes.software);
    }
  }

  /** A stuck worker can be neither replaced nor terminated, so the process ends once its callers have their replies. */
  #onWorkerStuck(): void {
    this.#log?.logger.fatal('a worker thread is stuck: ending with code 70');
    // The clients of one of several processes reconnect, and the primary hands them to another one.
    if (this.#parent) this.#service?.drain();
    this.#parent?.beat();
    setTimeout(() => this.#processEnd.begin(exitCodes.software), stuckRepliesMs);
  }

  /** Processes die as fast as they are replaced: the service finishes the requests in flight, then ends. */
  #onTooManyDeaths(): void {
    if (this.#firstSignal) return;
    this.#log?.logger.fatal('processes die as fast as they are replaced: stopping, then ending with code 70');
    this.#stopCode = exitCodes.software;
    this.#firstSignal = { signal: 'SIGTERM', atMs: performance.now() };
    this.#limitStop(this.#config?.drainDelayMs ?? 0);
    void this.#stop();
  }

  #limitStop(drainDelayMs: number): void {
    const shutdownTimeoutMs = this.#config?.shutdownTimeoutMs ?? earlyStopTimeoutMs;
    setTimeout(() => {
      if (this.#processEnd.begun) return;
      this.#log?.logger.fatal({ shutdownTimeoutMs }, 'the stop took too long: ending with code 70');
      this.#processEnd.begin(exitCodes.software);
    }, drainDelayMs + shutdownTimeoutMs);
  }
}

const serviceProcess = new ServiceProcess();
serviceProcess.listen();
await serviceProcess.start();
