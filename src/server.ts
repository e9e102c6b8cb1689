/**
 * Process entry: configuration, start, signals, exit codes. The only file that touches `process`, but for
 * `onnx/session.ts`, which switches ONNX Runtime's telemetry off.
 * Exit codes: 0 after a clean stop, 78 (EX_CONFIG of sysexits.h) for a configuration or an execution provider that cannot work, 70
 * (EX_SOFTWARE) when the start fails otherwise, a worker is stuck, or a stop takes too long. A second signal ends the process as
 * signals do.
 */
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Access, openAccess } from './access/access.js';
import { buildApp } from './app.js';
import { type Config, ConfigError, readConfig } from './config.js';
import type { Lifecycle } from './lifecycle.js';
import { type Log, openLog } from './log.js';
import { Metrics } from './metrics.js';
import { ProviderError } from './sampler/onnx/provider.js';
import { createSampler, type Sampler } from './sampler/sampler.js';

const exitCodes = { configuration: 78, software: 70 } as const;

interface Service {
  readonly config: Config;
  readonly log: Log;
  readonly access: Access | undefined;
  readonly sampler: Sampler;
  readonly lifecycle: Lifecycle;
  readonly app: Awaited<ReturnType<typeof buildApp>>;
}

function readVersion(): string {
  // The build lies in dist/src, two folders below package.json.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** After the callers of a stuck worker have been given their answers: how long these may take to leave. */
const answersLeaveMs = 500;

async function start(config: Config): Promise<void> {
  const metrics = new Metrics();
  const log = openLog({ level: config.logLevel, fd: 1, lineDropped: metrics.lineDropped });
  const { logger } = log;
  const access = await openKeyFile(config, metrics, logger);
  const sampler = await createSampler({
    ...config,
    provider: config.executionProvider,
    onWorkerLost: (error) => logger.error({ err: error }, 'a worker thread was lost'),
    onStuck: () => {
      logger.fatal(
        { watchdogMs: config.watchdogMs },
        'a worker thread is stuck: unready now, then ending with code 70',
      );
      setTimeout(endNow, answersLeaveMs, log);
    },
    observer: metrics.sampler,
  });
  for (const { provider, reason } of sampler.refused) logger.info({ refused: provider }, `auto: ${reason}`);
  try {
    const lifecycle = { draining: false };
    const callers = access?.callers;
    const app = await buildApp({ config, sampler, lifecycle, logger, metrics, callers, version: readVersion() });
    const service = { config, log, access, sampler, lifecycle, app };
    await app.listen({ port: config.port, host: config.host });
    onFirstSignal((signal) => stop(service, signal));
    logger.info(serving(config, sampler, app.server.address() as AddressInfo));
  } catch (error) {
    // Threads that nobody needs any more would keep the process alive.
    await sampler.close();
    access?.close();
    await log.close();
    throw error;
  }
}

/** @throws {ConfigError} when the key file cannot work */
async function openKeyFile(config: Config, metrics: Metrics, logger: Logger): Promise<Access | undefined> {
  const { apiKeysFile: path, quotaElementsPerMinute } = config;
  if (path === '') return undefined;
  const now = () => performance.now();
  const options = { quotaElementsPerMinute, now, drawn: metrics.drawnFor, removed: metrics.callerRemoved };
  return openAccess(path, options, logger).catch((error: Error) => {
    throw new ConfigError(`API_KEYS_FILE is ${JSON.stringify(path)}, but ${error.message}`);
  });
}

/** The first SIGTERM or SIGINT calls `handler`; a second of either has its default effect. */
function onFirstSignal(handler: (signal: string) => void): void {
  const signals = ['SIGTERM', 'SIGINT'] as const;
  const first = (signal: string) => {
    for (const each of signals) process.off(each, first);
    handler(signal);
  };
  for (const each of signals) process.on(each, first);
}

/** The line operators wait for; Fastify has logged every address of a wildcard host before. */
function serving({ host }: Config, { provider, device, workers }: Sampler, { port }: AddressInfo): string {
  const address = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return `serving at ${address} with provider ${provider} (${device}) and ${workers} worker${workers === 1 ? '' : 's'}`;
}

/**
 * Ends the process with code 70, whatever its threads are doing. process.exit would have ONNX Runtime abort it if a worker is inside
 * a run, or wait for a worker that never ends; replacing the process's program ends it without asking any of them. Before Node.js 22.15
 * there is no way to do that, and process.exit must do.
 */
async function endNow(log: Log): Promise<void> {
  await log.close();
  const { execve } = process as { execve?: (file: string, args: readonly string[], env: object) => void };
  execve?.(process.execPath, [process.execPath, '-e', `process.exit(${exitCodes.software})`], {});
  process.exit(exitCodes.software);
}

/**
 * Unready at once; after the drain delay no new connections, what is in flight finishes, the workers end by themselves,
 * and with nothing left to do the process ends with code 0. What does not finish in time is cut off with code 70, and a second signal
 * has its default effect and ends the process at once.
 */
async function stop({ config, log, access, sampler, lifecycle, app }: Service, signal: string): Promise<void> {
  const { logger } = log;
  lifecycle.draining = true;
  logger.info({ signal, drainDelayMs: config.drainDelayMs }, 'stopping: unready now, then finishing what is in flight');
  await sleep(config.drainDelayMs);
  const limit = setTimeout(() => {
    logger.error({ shutdownTimeoutMs: config.shutdownTimeoutMs }, 'the stop takes too long: ending with code 70');
    void endNow(log);
  }, config.shutdownTimeoutMs);
  // A connection whose reply was already on its way when the drain began did not hear Connection: close.
  const sweep = setInterval(() => app.server.closeIdleConnections(), 50);
  await app.close();
  clearInterval(sweep);
  await sampler.close();
  clearTimeout(limit);
  access?.close();
  logger.info('stopped');
  // A write that nobody reads holds a thread, and that the process; the workers are gone, so it may be ended.
  if (!(await log.close())) process.exit(0);
}

try {
  await start(readConfig(process.env));
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`gumbel-sampler cannot start: ${message}\n`);
  process.exitCode =
    error instanceof ConfigError || ProviderError.is(error) ? exitCodes.configuration : exitCodes.software;
}
