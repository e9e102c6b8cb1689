/**
 * Process entry: configuration, signals, exit codes. With `process-end.ts` the only file that touches `process`, but
 * for `onnx/session.ts`, which switches ONNX Runtime's telemetry off.
 *
 * Exit codes: 0 after a clean stop, 78 (EX_CONFIG of sysexits.h) for a configuration, an execution provider or a limit
 * on open files that cannot work, 70 (EX_SOFTWARE) when the start fails otherwise, a worker is stuck, a stop takes too
 * long or there is a bug, 128 + n after a second signal.
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

/** All that by default end a process and that people and managers send to have it end. */
const stopSignals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const;
type StopSignal = (typeof stopSignals)[number];

/**
 * A signal that comes again so soon is the same one. At Ctrl-C, or when a process manager signals a whole process
 * group, npm passes on SIGINT and SIGTERM to a service that has had them already
 * (https://github.com/npm/cli/issues/5021), and so does timeout(1). Can go when neither does.
 */
const repeatMs = 1000;

/** How long a stop may take that was asked for before the configuration was read. */
const startTimeoutMs = 20_000;

/** After the callers of a stuck worker have been given their answers: how long these may take to leave. */
const answersLeaveMs = 500;

/** The number of this process among those of the service; undefined in a process that nobody of the service started. */
const processNumber = process.send && numberOf(process.argv[2]);

function numberOf(argument = ''): number | undefined {
  const digits = /^--process=(\d+)$/.exec(argument)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function readVersion(): string {
  // The build lies in dist/src, two folders below package.json.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** What every part of the service is given. */
interface Parts {
  readonly config: Config;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** One run of the service in this process: the whole service, its primary, or one of the primary's processes. */
class Run {
  readonly #end = new ProcessEnd(() => this.#service?.holdsThreads ?? this.#creating);
  #config: Config | undefined;
  #metrics: Metrics | undefined;
  #log: Log | undefined;
  /** What draws in this process; undefined in the primary of several. */
  #service: Service | undefined;
  #primary: Primary | undefined;
  /** The primary, in one of its processes. */
  #parent: Parent | undefined;
  /** Of a stop that goes well. */
  #exitCode = 0;
  /** Workers are being started: they are inside ONNX Runtime. */
  #creating = false;
  /** The first signal, and when it came. */
  #first: { readonly signal: StopSignal; readonly ms: number } | undefined;

  /**
   * Takes over signals and errors. First of all: a signal during the start waits for the workers, which must not be
   * ended meanwhile.
   */
  listen(): void {
    // Process 1 of a container does not get a signal without a listener:
    // https://github.com/nodejs/docker-node/blob/main/docs/BestPractices.md#handling-kernel-signals
    // One of several processes stops when the primary says so, whoever else signals it.
    const hear = processNumber === undefined ? (signal: StopSignal) => this.#hear(signal) : () => {};
    for (const signal of stopSignals) process.on(signal, hear);
    // Without a listener Node.js opens its inspector at SIGUSR1, and whoever connects to port 9229 runs code here.
    // Can go when Node.js 22.14 is the oldest version: --disable-sigusr1 (https://github.com/nodejs/node/pull/56441).
    process.on('SIGUSR1', () => {});
    process.on('uncaughtException', (error) =>
      this.#fail(error, 'the process ends because of an error that nothing caught'),
    );
  }

  async start(): Promise<void> {
    try {
      // Before anything else is imported, which is what would fail.
      if (!this.#enoughFiles(1)) return;
      if (processNumber !== undefined) await this.#findParent();
      await this.#serve();
    } catch (error) {
      const filesLine = ranOutOfFiles(error);
      const message = filesLine ?? (error instanceof Error ? error.message : String(error));
      // Told by its name, since nothing of the service may have been loaded yet.
      const configuration = filesLine !== undefined || (error instanceof Error && error.name === 'ConfigError');
      this.#cannotStart(message, configuration ? exitCodes.configuration : exitCodes.software);
    }
  }

  async #serve(): Promise<void> {
    const { readConfig } = await import('./config.js');
    const { openLog } = await import('./observability/log.js');
    const { Metrics } = await import('./observability/metrics.js');
    const config = readConfig(process.env);
    const leads = processNumber === undefined && config.processes > 1;
    if (!this.#enoughFiles(leads ? Math.ceil(config.workers / config.processes) : config.workers)) return;
    const metrics: Metrics = new Metrics(this.#parent?.metrics);
    this.#metrics = metrics;
    const log = openLog({ level: config.logLevel, fd: 1, lineDropped: metrics.lineDropped, process: processNumber });
    this.#config = config;
    this.#log = log;
    this.#end.log = log;
    if (this.#first) return this.#stop();
    const parts = { config, metrics, logger: log.logger };
    try {
      if (leads) await this.#lead(parts);
      else await this.#work(parts);
      if (!this.#first) await this.#listen(log.logger);
    } catch (error) {
      // A stop that came meanwhile is no failure of the start.
      if (!this.#first) throw error;
    }
    if (this.#first) return this.#stop();
  }

  /** Starts what draws, in this process. */
  async #work(parts: Parts): Promise<void> {
    const { Service } = await import('./service.js');
    const quotaOf = this.#parent?.quotaOf;
    this.#creating = true;
    try {
      const onStuck = () => this.#giveUp();
      this.#service = await Service.create({ ...parts, version: readVersion(), onStuck, ...(quotaOf && { quotaOf }) });
    } finally {
      this.#creating = false;
    }
    settleMemory();
  }

  /** Starts the processes that draw. */
  async #lead(parts: Parts): Promise<void> {
    const { Primary } = await import('./processes/primary.js');
    const { env: environment, execArgv } = process;
    const primary = new Primary({ ...parts, environment, execArgv, tooManyDied: () => this.#giveUpAll() });
    // Whatever ends this process, none of them is left.
    process.on('exit', () => primary.kill());
    await primary.start();
    this.#primary = primary;
  }

  async #listen(logger: Logger): Promise<void> {
    const service = this.#service;
    if (this.#primary) {
      const line = await this.#primary.listen();
      logger.info({ pids: this.#primary.pids }, line);
    } else if (service && this.#parent) {
      await service.listenToReceived();
      this.#parent.serving(service.drawsOn, () => service.state);
    } else if (service) {
      logger.info(await service.listen());
    }
  }

  /** In one of several processes: does what the primary says. */
  async #findParent(): Promise<void> {
    const { Parent } = await import('./processes/parent.js');
    this.#parent = new Parent(process as Channel, {
      connection: (socket) => this.#service?.receive(socket),
      drain: () => this.#service?.drain(),
      finish: () => void this.#stop(),
      elsewhere: (drawn) => this.#service?.setDrawnElsewhere(drawn),
      values: async () => (await this.#metrics?.values()) ?? [],
      orphaned: () => {
        if (!this.#service) this.#end.begin(exitCodes.software);
        this.#log?.logger.fatal('the primary has ended: finishing what is in flight, then ending');
        this.#service?.drain();
        this.#limitStop(0);
        void this.#stop();
      },
    });
  }

  #enoughFiles(workers: number): boolean {
    const tooFew = tooFewOpenFiles(workers);
    if (tooFew !== undefined) this.#cannotStart(tooFew, exitCodes.configuration);
    return tooFew === undefined;
  }

  #cannotStart(message: string, code: number): void {
    try {
      if (this.#parent) this.#parent.failed(message, code);
      else writeSync(2, `gumbel-sampler cannot start: ${message}\n`);
    } catch {
      // Nobody reads stderr: the exit code must do.
    }
    this.#end.begin(code);
  }

  /** The first signal stops the service, a second one ends the process. */
  #hear(signal: StopSignal): void {
    if (this.#end.begun) return;
    const [first, ms] = [this.#first, performance.now()];
    const logger = this.#log?.logger;
    if (first) {
      if (signal === first.signal && ms - first.ms < repeatMs) return;
      logger?.fatal({ signal }, 'ending at once, as a second signal asks');
      this.#end.begin(exitCodes.signal + constants.signals[signal]);
      return;
    }
    this.#first = { signal, ms };
    const drainDelayMs = this.#config?.drainDelayMs ?? 0;
    logger?.info({ signal, drainDelayMs }, 'stopping: unready now, then finishing what is in flight');
    this.#limitStop(drainDelayMs);
    if (this.#service ?? this.#primary) void this.#stop();
  }

  async #stop(): Promise<void> {
    try {
      // One of several processes hears when the delay is over.
      const drainDelayMs = this.#parent ? 0 : (this.#config?.drainDelayMs ?? 0);
      await (this.#primary ?? this.#service)?.stop(drainDelayMs);
      this.#end.begin(this.#exitCode);
    } catch (error) {
      this.#fail(error, 'the stop failed: ending with code 70');
    }
  }

  /** A bug of ours. Once the process ends anyway, it changes nothing. */
  #fail(error: unknown, message: string): void {
    if (this.#end.begun) return;
    try {
      this.#log?.logger.fatal({ err: error }, message);
    } finally {
      this.#end.begin(exitCodes.software);
    }
  }

  /**
   * A stuck worker keeps the process from ever working whole or ending by itself: what it holds is answered, then it
   * ends.
   */
  #giveUp(): void {
    this.#log?.logger.fatal('a worker thread is stuck: unready now, then ending with code 70');
    // Connections of one of several processes are to go to another.
    if (this.#parent) this.#service?.drain();
    setTimeout(() => this.#end.begin(exitCodes.software), answersLeaveMs);
  }

  /** Processes die as fast as they are replaced: what is in flight is finished, then the service ends. */
  #giveUpAll(): void {
    if (this.#first) return;
    this.#log?.logger.fatal('processes die as fast as they are replaced: stopping, then ending with code 70');
    this.#exitCode = exitCodes.software;
    this.#first = { signal: 'SIGTERM', ms: performance.now() };
    this.#limitStop(this.#config?.drainDelayMs ?? 0);
    void this.#stop();
  }

  #limitStop(drainDelayMs: number): void {
    const shutdownTimeoutMs = this.#config?.shutdownTimeoutMs ?? startTimeoutMs;
    setTimeout(() => {
      if (this.#end.begun) return;
      this.#log?.logger.fatal({ shutdownTimeoutMs }, 'the stop took too long: ending with code 70');
      this.#end.begin(exitCodes.software);
    }, drainDelayMs + shutdownTimeoutMs);
  }
}

const run = new Run();
run.listen();
await run.start();
