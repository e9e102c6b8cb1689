/**
 * The service as a whole: starts the workers, builds the app, listens, and stops without losing a request. Knows
 * nothing of the process it runs in: signals, exit codes and time limits on all of this are for `server.ts`.
 */
import { once } from 'node:events';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Access, openAccess } from './access/access.js';
import type { CallersOptions } from './access/callers.js';
import { buildApp } from './app.js';
import { type Config, ConfigError, gpuProcessesError } from './config.js';
import { warmUp } from './http/warm-up.js';
import type { Metrics } from './observability/metrics.js';
import { addressOf, startLine } from './observability/start-line.js';
import type { Lifecycle } from './routes/context.js';
import { quietTurn } from './runtime/quiet-turn.js';
import { ProviderError } from './sampler/onnx/provider.js';
import type { PoolState } from './sampler/queue/pool.js';
import { createSampler, type Sampler } from './sampler/sampler.js';

/** After the last connection was accepted, how long a client may take to send a request it had begun to send. */
const lastRequestMs = 250;

/** How often connections that have become idle are closed while the service stops. */
const idleSweepMs = 50;

/** Whatever clients do, connections are closed so long before a stop has taken its time, for the workers to end in. */
const stopMarginMs = 1000;
const stopMarginShare = 0.25;

type App = Awaited<ReturnType<typeof buildApp>>;

export interface ServiceOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly version: string;
  /** Called when a worker thread is stuck and cannot be ended: the process has to. */
  readonly onStuck: () => void;
  /** The accounts of quotas, where other processes draw on them too. */
  readonly quotaOf?: CallersOptions['quotaOf'];
}

export class Service {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #lifecycle: Lifecycle;
  readonly #access: Access | undefined;
  readonly #sampler: Sampler;
  readonly #app: App;
  #receiving = false;
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
      if (config.processes > 1 && sampler.provider !== 'cpu') throw gpuProcessesError(config.processes);
      const lifecycle: Lifecycle = { draining: false };
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
    return startLine({ ...this.#sampler, address: addressOf(host, taken), processes: 1 });
  }

  /** Serves connections that another process has accepted; resolves once it can. */
  async listenToReceived(): Promise<void> {
    await this.#app.ready();
    this.#receiving = true;
    // Node's server looks after timeouts only once it listens: setupConnectionsTracking in
    // https://github.com/nodejs/node/blob/v24.11.0/lib/_http_server.js.
    this.#app.server.emit('listening');
  }

  /** Serves a connection that another process has accepted and has not read from. */
  receive(socket: Socket): void {
    // As Node's server has it for those that it accepts itself.
    socket.allowHalfOpen = true;
    this.#app.server.emit('connection', socket);
  }

  /** What its provider is and runs on. */
  get drawsOn(): { readonly provider: string; readonly device: string } {
    return this.#sampler;
  }

  get state(): PoolState {
    return this.#sampler.state();
  }

  /** Says whether another process of this service can draw, which is then ready as a whole. */
  setDrawnElsewhere(drawn: boolean): void {
    this.#lifecycle.drawnElsewhere = drawn;
  }

  /** Unready from now on; what arrives is answered. */
  drain(): void {
    this.#lifecycle.draining = true;
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
    this.drain();
    if (this.#app.server.listening || this.#receiving) {
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
    const closed = this.#receiving ? undefined : once(server, 'close');
    const patienceMs = shutdownTimeoutMs - Math.min(stopMarginMs, stopMarginShare * shutdownTimeoutMs);
    const limit = setTimeout(() => connections.closeAll(), patienceMs);
    if (closed) {
      await quietTurn(server);
      NetServer.prototype.close.call(server);
    }
    await sleep(lastRequestMs);
    // A connection whose reply was already on its way when the drain began did not hear Connection: close.
    const sweep = setInterval(() => connections.closeIdle(lastRequestMs), idleSweepMs);
    await closed;
    // Nothing says when the last of those that were received has ended.
    while (connections.count > 0) await sleep(idleSweepMs);
    clearInterval(sweep);
    clearTimeout(limit);
  }
}

/** @throws {ConfigError} when the key file cannot work */
async function openKeyFile({ config, metrics, logger, quotaOf }: ServiceOptions): Promise<Access | undefined> {
  const { apiKeysFile: path, quotaElementsPerMinute } = config;
  if (path === '') return undefined;
  const now = () => performance.now();
  const { drawnFor: drawn, callerRemoved: removed } = metrics;
  const options = { quotaElementsPerMinute, now, drawn, removed, ...(quotaOf && { quotaOf }) };
  return openAccess(path, options, logger).catch((error: Error) => {
    throw new ConfigError(`API_KEYS_FILE is ${JSON.stringify(path)}, but ${error.message}`);
  });
}
