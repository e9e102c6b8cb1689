/**
 * The service as a whole: starts the workers, builds the app, listens, and stops without losing a request. Knows
 * nothing of the process it runs in: signals, exit codes and time limits on all of this are for `server.ts`.
 */
import { once } from 'node:events';
import { type AddressInfo, Server as NetServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Access, openAccess } from './access/access.js';
import { buildApp } from './app.js';
import { type Config, ConfigError } from './config.js';
import { warmUp } from './http/warm-up.js';
import type { Metrics } from './observability/metrics.js';
import type { Lifecycle } from './routes/context.js';
import { ProviderError } from './sampler/onnx/provider.js';
import { createSampler, type Sampler } from './sampler/sampler.js';

/** After the last connection was accepted, how long a client may take to send a request it had begun to send. */
const lastRequestMs = 250;

/** How often connections that have become idle are closed while the service stops. */
const idleSweepMs = 50;

/** Whatever clients do, connections are closed so long before a stop has taken its time, for the workers to end in. */
const stopMarginMs = 1000;
const stopMarginShare = 0.25;

/** How long the end of a stop looks for a moment in which nobody connects. */
const quietMsMax = 1000;

type App = Awaited<ReturnType<typeof buildApp>>;

export interface ServiceOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly version: string;
  /** Called when a worker thread is stuck and cannot be ended: the process has to. */
  readonly onStuck: () => void;
}

export class Service {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #lifecycle: Lifecycle;
  readonly #access: Access | undefined;
  readonly #sampler: Sampler;
  readonly #app: App;
  #stopped: Promise<void> | undefined;

  private constructor(
    options: ServiceOptions,
    access: Access | undefined,
    sampler: Sampler,
    lifecycle: Lifecycle,
    app: App,
  ) {
    this.#config = options.config;
    this.#logger = options.logger;
    this.#lifecycle = lifecycle;
    this.#access = access;
    this.#sampler = sampler;
    this.#app = app;
  }

  /**
   * Starts the workers and builds the app; nobody can reach it yet.
   *
   * @throws {ConfigError} when the key file or the execution provider cannot work; whatever is thrown, the workers have
   * ended
   */
  static async create(options: ServiceOptions): Promise<Service> {
    const { config, logger, metrics, version, onStuck } = options;
    const access = await openKeyFile(options);
    const starting = createSampler({
      ...config,
      provider: config.executionProvider,
      onWorkerLost: (error) => logger.error({ err: error }, 'a worker thread was lost'),
      onStuck,
      observer: metrics.sampler,
    });
    try {
      const [sampler] = await Promise.all([starting, warmUp(config)]);
      for (const { provider, reason } of sampler.refused) logger.info({ refused: provider }, `auto: ${reason}`);
      const lifecycle = { draining: false };
      const callers = access?.callers;
      const app = await buildApp({ config, sampler, lifecycle, logger, metrics, callers, version });
      return new Service(options, access, sampler, lifecycle, app);
    } catch (error) {
      await access?.close();
      // Whoever hears of the failure may end the process: no thread is to be inside ONNX Runtime then.
      await starting.then(
        (sampler) => sampler.close(),
        () => {},
      );
      // Which provider to use is configuration, and one that cannot work is a mistake of it.
      throw ProviderError.is(error) ? new ConfigError(error.message) : error;
    }
  }

  /** Serves; resolves to the line operators wait for. */
  async listen(): Promise<string> {
    const { host, port } = this.#config;
    try {
      await this.#app.listen({ port, host });
    } catch (error) {
      // Threads that nobody needs any more would keep the process alive.
      await this.stop(0);
      throw error;
    }
    const { port: taken } = this.#app.server.address() as AddressInfo;
    const address = `http://${host.includes(':') ? `[${host}]` : host}:${taken}`;
    const { provider, device, workers } = this.#sampler;
    return `serving at ${address} with provider ${provider} (${device}) and ${workers} worker${workers === 1 ? '' : 's'}`;
  }

  /**
   * Whether a thread may be where ending it ends badly: inside ONNX Runtime, which aborts the process, or inside a read
   * of the key file that hangs, for which the exit would wait.
   */
  get holdsThreads(): boolean {
    return this.#sampler.inRuntime() || (this.#access?.reading() ?? false);
  }

  /**
   * Unready at once; after the drain delay no new connections, what is in flight finishes, and the workers end by
   * themselves. Resolves once nothing is left to do; a later call waits for the first.
   */
  stop(drainDelayMs: number): Promise<void> {
    this.#stopped ??= this.#stop(drainDelayMs);
    return this.#stopped;
  }

  async #stop(drainDelayMs: number): Promise<void> {
    this.#lifecycle.draining = true;
    if (this.#app.server.listening) {
      await sleep(drainDelayMs);
      await this.#closeConnections();
    }
    await this.#app.close();
    await this.#sampler.close();
    await this.#access?.close();
    this.#logger.info('stopped');
  }

  /**
   * Resolves when every connection has ended. Node's own close would at once reset idle connections on which a request
   * may be on its way, and no longer look for slow ones; so this only stops listening, and closes what stays idle.
   * Clients that are still sending, or do not take their replies, have what time the stop has.
   */
  async #closeConnections(): Promise<void> {
    const { server, connections } = this.#app;
    const { shutdownTimeoutMs } = this.#config;
    const closed = once(server, 'close');
    const patienceMs = shutdownTimeoutMs - Math.min(stopMarginMs, stopMarginShare * shutdownTimeoutMs);
    const limit = setTimeout(() => connections.closeAll(), patienceMs);
    await quietTurn(server);
    NetServer.prototype.close.call(server);
    await sleep(lastRequestMs);
    // A connection whose reply was already on its way when the drain began did not hear Connection: close.
    const sweep = setInterval(() => connections.closeIdle(lastRequestMs), idleSweepMs);
    await closed;
    clearInterval(sweep);
    clearTimeout(limit);
  }
}

/** Node's handle of a socket that listens; its method is uv_listen, which may be called again. */
interface Listening {
  readonly _handle?: { readonly listen?: (backlog: number) => number };
}

/**
 * Resolves after a turn of the event loop in which nobody connected: closing a socket that listens resets the
 * connections that the kernel has taken and the process has not. Those are taken first; and the kernel is told to keep
 * no more than one that waits, so that few come meanwhile: it answers no others, whose clients try again and are
 * refused, which loses nothing.
 */
async function quietTurn(server: NetServer): Promise<void> {
  const endMs = performance.now() + quietMsMax;
  let connected = true;
  const note = () => {
    connected = true;
  };
  (server as Listening)._handle?.listen?.(0);
  server.on('connection', note);
  while (connected && performance.now() < endMs) {
    connected = false;
    await new Promise(setImmediate);
  }
  server.off('connection', note);
}

/** @throws {ConfigError} when the key file cannot work */
async function openKeyFile({ config, metrics, logger }: ServiceOptions): Promise<Access | undefined> {
  const { apiKeysFile: path, quotaElementsPerMinute } = config;
  if (path === '') return undefined;
  const now = () => performance.now();
  const options = { quotaElementsPerMinute, now, drawn: metrics.drawnFor, removed: metrics.callerRemoved };
  return openAccess(path, options, logger).catch((error: Error) => {
    throw new ConfigError(`API_KEYS_FILE is ${JSON.stringify(path)}, but ${error.message}`);
  });
}
