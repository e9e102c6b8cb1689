/**
 * Process entry: configuration, signals, exit codes. The only file that touches `process`, but for `onnx/session.ts`, which
 * switches ONNX Runtime's telemetry off.
 * Exit codes: 0 after a clean stop, 78 (EX_CONFIG of sysexits.h) for a configuration or an execution provider that cannot work,
 * 70 (EX_SOFTWARE) when the start fails otherwise, a worker is stuck, a stop takes too long or there is a bug, 128 + n after a second signal.
 */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Config } from './config.js';
import type { Log } from './log.js';
import { settleMemory } from './memory-settings.js';
import type { Service } from './service.js';

const exitCodes = { software: 70, configuration: 78, signal: 128 } as const;

/** How long a stop may take that was asked for before the configuration was read. */
const startTimeoutMs = 20_000;

/** After the callers of a stuck worker have been given their answers: how long these may take to leave. */
const answersLeaveMs = 500;

function readVersion(): string {
  // The build lies in dist/src, two folders below package.json.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/**
 * Ends the process now, whatever its threads do. `process.exit` would end them first, and ONNX Runtime aborts the process
 * when that happens in the middle of its work. Replacing the program ends them without their noticing, but Node.js can do
 * that only from 22.15 on; before, a process that must not exit kills itself, and where it cannot (process 1 of a container
 * ignores its own signals) it aborts.
 */
function endNow(code: number, inRuntime: boolean): never {
  const { execve } = process as { execve?: (file: string, args: string[], environment: object) => never };
  if (!inRuntime) process.exit(code);
  if (execve) execve(process.execPath, [process.execPath, '-e', `process.exit(${code})`], {});
  process.kill(process.pid, 'SIGKILL');
  process.abort();
}

/** One run of the service in this process. */
class Run {
  #config: Config | undefined;
  #log: Log | undefined;
  #service: Service | undefined;
  #signals = 0;

  async start(): Promise<void> {
    // Before anything is loaded: a signal during the start waits for the workers, which must not be ended meanwhile, and
    // process 1 of a container would not hear a signal that nobody listens to.
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#hear(signal));
    process.on('uncaughtException', (error) => {
      this.#log?.logger.fatal({ err: error }, 'the process ends because of an error that nothing caught');
      void this.#end(exitCodes.software);
    });
    const { readConfig } = await import('./config.js');
    const { openLog } = await import('./log.js');
    const { Metrics } = await import('./metrics.js');
    const { Service } = await import('./service.js');
    const config = readConfig(process.env);
    const metrics = new Metrics();
    const log = openLog({ level: config.logLevel, fd: 1, lineDropped: metrics.lineDropped });
    const { logger } = log;
    this.#config = config;
    this.#log = log;
    if (this.#signals > 0) return;
    const onStuck = () => this.#giveUp();
    this.#service = await Service.create({ config, logger, metrics, version: readVersion(), onStuck });
    if (this.#signals > 0) return this.#stop();
    settleMemory();
    logger.info(await this.#service.listen());
  }

  /** Writes the last lines of a start that failed. */
  async fail(): Promise<void> {
    await this.#log?.close();
  }

  /** The first signal stops the service, a second one ends the process. */
  #hear(signal: 'SIGTERM' | 'SIGINT'): void {
    this.#signals += 1;
    const logger = this.#log?.logger;
    if (this.#signals > 1) {
      logger?.fatal({ signal }, 'ending at once, as a second signal asks');
      void this.#end(exitCodes.signal + constants.signals[signal]);
      return;
    }
    const drainDelayMs = this.#config?.drainDelayMs ?? 0;
    logger?.info({ signal, drainDelayMs }, 'stopping: unready now, then finishing what is in flight');
    this.#limitStop(drainDelayMs);
    if (this.#service) void this.#stop();
  }

  /** With nothing left to do, the process ends by itself with code 0. */
  async #stop(): Promise<void> {
    await this.#service?.stop(this.#config?.drainDelayMs ?? 0);
    // A write that nobody reads holds a thread, and that the process; the workers are gone, so it may be ended.
    if (!(await this.#log?.close())) process.exit(0);
  }

  /** A stuck worker keeps the process from ever working whole or ending by itself: what it holds is answered, then it ends. */
  #giveUp(): void {
    this.#log?.logger.fatal('a worker thread is stuck: unready now, then ending with code 70');
    setTimeout(() => void this.#end(exitCodes.software), answersLeaveMs);
  }

  #limitStop(drainDelayMs: number): void {
    const shutdownTimeoutMs = this.#config?.shutdownTimeoutMs ?? startTimeoutMs;
    const limit = setTimeout(() => {
      this.#log?.logger.fatal({ shutdownTimeoutMs }, 'the stop took too long: ending with code 70');
      void this.#end(exitCodes.software);
    }, drainDelayMs + shutdownTimeoutMs);
    // It must not keep a process alive that has stopped.
    limit.unref();
  }

  /** Ends the process as soon as the log has been written, or cannot be. */
  async #end(code: number): Promise<void> {
    await this.#log?.close();
    endNow(code, this.#service?.inRuntime ?? true);
  }
}

const run = new Run();
try {
  await run.start();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`gumbel-sampler cannot start: ${message}\n`);
  // Told by its name, since nothing of the service may have been loaded yet.
  process.exitCode =
    error instanceof Error && error.name === 'ConfigError' ? exitCodes.configuration : exitCodes.software;
  await run.fail();
}
