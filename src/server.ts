/**
 * Process entry: configuration, signals, exit codes. Only this file, `process-end.ts` and `onnx/session.ts` touch
 * `process`; the last one switches ONNX Runtime's telemetry off.
 *
 * Exit codes (names from sysexits.h):
 * - 0 after a clean stop.
 * - 78 (EX_CONFIG) when the configuration, the execution provider or the limit on open files cannot work.
 * - 70 (EX_SOFTWARE) when the start fails otherwise, a worker is stuck, a stop takes too long, or there is a bug.
 * - 128 + n after a second signal n.
 */
import { readFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import type { Config } from './config.js';
import type { Log } from './observability/log.js';
import { ProcessEnd } from './process-end.js';
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

function readVersion(): string {
  // The build lies in dist/src, two folders below package.json.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The service in this process, from start to exit. */
class ServiceProcess {
  readonly #processEnd = new ProcessEnd(() => this.#service?.holdsThreads ?? this.#isStartingWorkers);
  #config: Config | undefined;
  #log: Log | undefined;
  #service: Service | undefined;
  /** Starting workers are inside ONNX Runtime, which aborts the process if it ends then. */
  #isStartingWorkers = false;
  #firstSignal: { readonly signal: StopSignal; readonly atMs: number } | undefined;

  /**
   * Installs the listeners for signals and uncaught errors. Call it first: a signal during the start must wait until
   * the workers have started.
   */
  listen(): void {
    // The kernel drops signals to process 1 of a container that has no listener for them:
    // https://github.com/nodejs/docker-node/blob/main/docs/BestPractices.md#handling-kernel-signals
    for (const signal of stopSignals) process.on(signal, () => this.#onSignal(signal));
    // Without a listener SIGUSR1 opens Node's inspector, and any client of port 9229 can then run code in this process.
    // Can go when Node.js 22.14 is the oldest version: --disable-sigusr1 (https://github.com/nodejs/node/pull/56441).
    process.on('SIGUSR1', () => {});
    process.on('uncaughtException', (error) => this.#fail(error, 'uncaught error: ending with code 70'));
  }

  async start(): Promise<void> {
    try {
      // Before the other imports, which are the first to fail when no file can be opened.
      if (!this.#enoughFiles(1)) return;
      await this.#serve();
    } catch (error) {
      const filesLine = ranOutOfFiles(error);
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
    const { Service } = await import('./service.js');
    const config = readConfig(process.env);
    if (!this.#enoughFiles(config.workers)) return;
    const metrics = new Metrics();
    const log = openLog({ level: config.logLevel, fd: 1, lineDropped: metrics.lineDropped });
    const { logger } = log;
    this.#config = config;
    this.#log = log;
    this.#processEnd.log = log;
    if (this.#firstSignal) return this.#stop();
    const onStuck = () => this.#onWorkerStuck();
    this.#isStartingWorkers = true;
    try {
      this.#service = await Service.create({ config, logger, metrics, version: readVersion(), onStuck });
    } finally {
      this.#isStartingWorkers = false;
    }
    if (this.#firstSignal) return this.#stop();
    settleMemory();
    try {
      logger.info(await this.#service.listen());
    } catch (error) {
      // After a stop signal, a failed listen is not a failed start.
      if (!this.#firstSignal) throw error;
    }
  }

  #enoughFiles(workers: number): boolean {
    const tooFew = tooFewOpenFiles(workers);
    if (tooFew !== undefined) this.#cannotStart(tooFew, exitCodes.configuration);
    return tooFew === undefined;
  }

  #cannotStart(message: string, code: number): void {
    try {
      writeSync(2, `gumbel-sampler cannot start: ${message}\n`);
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
    if (this.#service) void this.#stop();
  }

  async #stop(): Promise<void> {
    try {
      await this.#service?.stop(this.#config?.drainDelayMs ?? 0);
      this.#processEnd.begin(0);
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
    setTimeout(() => this.#processEnd.begin(exitCodes.software), stuckRepliesMs);
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
