/**
 * The service as a whole: starts the workers, builds the app, listens, and stops without losing a request. `server.ts`
 * handles the process: signals, exit codes and the time limit of a stop.
 */
import { once } from 'node:events';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Access, openAccess } from './access/access.js';
import type { CallersOptions } from './access/callers.js';
import { buildApp } from './app.js';
import { type Config, gpuProcessesError } from './config.js';
import { warmUp } from './http/warm-up.js';
import type { Metrics } from './observability/metrics.js';
import { addressOf, startLine } from './observability/start-line.js';
import type { Tracing } from './observability/tracing/open-tracing.js';
import { ConfigError } from './option.js';
import type { Lifecycle } from './routes/context.js';
import { connectionsAccepted } from './runtime/connections-accepted.js';
import { ProviderError } from './sampler/onnx/provider.js';
import type { PoolState } from './sampler/queue/pool.js';
import { createSampler, type Sampler } from './sampler/sampler.js';

/** How long a client may take to send its request on a connection that was accepted just before listening stopped. */
const lastRequestMs = 250;

/** How often a stop closes the connections that have become idle. */
const idleSweepMs = 50;

/** A stop closes all connections this long before its time limit, or a share of that limit, so that workers can end. */
const stopMarginMs = 1000;
const stopMarginShare = 0.25;

/** How long a stop waits until the last spans are exported: so long, or a share of what is left of its time limit. */
const lastSpansMs = 1000;
const lastSpansShare = 0.5;

type App = Awaited<ReturnType<typeof buildApp>>;

export interface ServiceOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly version: string;
  /** Number of this process; undefined if the service has only one. */
  readonly process?: number | undefined;
  /** Called when a worker thread is stuck. It cannot be terminated, so the process has to end. */
  readonly onStuck: () => void;
  /** Opens the accounts of quotas that several processes share. */
  readonly quotaOf?: CallersOptions['quotaOf'];
}

export class Service {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #lifecycle: Lifecycle;
  readonly #access: Access | undefined;
  readonly #sampler: Sampler;
  readonly #app: App;
  readonly #tracing: Tracing | undefined;
  #isReceiving = false;
  #stopped: Promise<void> | undefined;

  private constructor(
    options: ServiceOptions,
    access: Access | undefined,
    sampler: Sampler,
    lifecycle: Lifecycle,
    app: App,
    tracing: Tracing | undefined,
  ) {
    this.#config = options.config;
    this.#logger = options.logger;
    this.#lifecycle = lifecycle;
    this.#access = access;
    this.#sampler = sampler;
    this.#app = app;
    this.#tracing = tracing;
  }

  /**
   * Starts the workers and builds the app; it does not listen yet.
   *
   * @throws {ConfigError} when the key file or the execution provider cannot work. The workers have ended before
   *   anything is thrown.
   */
  static async create(options: ServiceOptions): Promise<Service> {
    const { config, logger, metrics, version, onStuck } = options;
    const access = await openKeyFile(options);
    const tracing = await openSpans(options);
    const starting = createSampler({
      ...config,
      provider: config.executionProvider,
      onWorkerLost: (error) => logger.error({ err: error }, 'a worker thread was lost'),
      onStuck,
      observer: tracing?.observingDraws(metrics.sampler) ?? metrics.sampler,
    });
    try {
      const [sampler] = await Promise.all([starting, warmUp(config)]);
      for (const { provider, reason } of sampler.refused) logger.info({ refused: provider }, `auto: ${reason}`);
      if (config.processes > 1 && sampler.provider !== 'cpu') throw gpuProcessesError(config.processes);
      const lifecycle: Lifecycle = { draining: false };
      const callers = access?.callers;
      const app = await buildApp({ config, sampler, lifecycle, logger, metrics, callers, version, tracing });
      return new Service(options, access, sampler, lifecycle, app, tracing);
    } catch (error) {
      await access?.close();
      await tracing?.close(0);
      // The process may exit after this failure, and must not while a worker is inside ONNX Runtime.
      await starting.then(
        (sampler) => sampler.close(),
        () => {},
      );
      // EXECUTION_PROVIDER chooses the provider, so one that cannot work is an error of configuration.
      throw ProviderError.is(error) ? new ConfigError(error.message) : error;
    }
  }

  /** Starts listening. Resolves to the log line "serving at ...", which scripts wait for. */
  async listen(): Promise<string> {
    const { host, port } = this.#config;
    try {
      await this.#app.listen({ port, host });
    } catch (error) {
      // The worker threads would keep the process alive.
      await this.stop(0);
      throw error;
    }
    const { port: boundPort } = this.#app.server.address() as AddressInfo;
    return startLine({ ...this.#sampler, address: addressOf(host, boundPort), processes: 1 });
  }

  /** Prepares to serve connections that another process accepts, in place of `listen`. */
  async listenToReceived(): Promise<void> {
    await this.#app.ready();
    this.#isReceiving = true;
    // Node checks timeouts from this event on: setupConnectionsTracking in
    // https://github.com/nodejs/node/blob/v20.20.2/lib/_http_server.js#L511-L524. Can go when it checks them from the
    // first connection on.
    this.#app.server.emit('listening');
  }

  /** Serves a connection that another process has accepted and has not read from. */
  receive(socket: Socket): void {
    // Node's HTTP server sets this on the sockets that it accepts itself.
    socket.allowHalfOpen = true;
    this.#app.server.emit('connection', socket);
  }

  /** The execution provider and the device it runs on. */
  get drawsOn(): { readonly provider: string; readonly device: string } {
    return this.#sampler;
  }

  get state(): PoolState {
    return this.#sampler.state();
  }

  /** Says whether another process can draw: /readyz then replies 200, whatever the state of this one. */
  setOthersDraw(othersDraw: boolean): void {
    this.#lifecycle.othersDraw = othersDraw;
  }

  /** From now on /readyz replies 503 and replies close their connections; requests are still answered. */
  drain(): void {
    this.#lifecycle.draining = true;
  }

  /**
   * Whether terminating the threads could go wrong: inside ONNX Runtime it aborts the process, and a read of the key
   * file that hangs delays the exit.
   */
  get holdsThreads(): boolean {
    return this.#sampler.inRuntime() || (this.#access?.reading() ?? false);
  }

  /**
   * Makes /readyz reply 503 at once. After the drain delay it stops listening, finishes the requests in flight, and
   * ends the workers. Resolves when all of that is done; a later call gets the promise of the first.
   */
  stop(drainDelayMs: number): Promise<void> {
    this.#stopped ??= this.#stop(drainDelayMs);
    return this.#stopped;
  }

  async #stop(drainDelayMs: number): Promise<void> {
    this.drain();
    let limitAtMs = performance.now() + this.#config.shutdownTimeoutMs;
    if (this.#app.server.listening || this.#isReceiving) {
      await sleep(drainDelayMs);
      limitAtMs = performance.now() + this.#config.shutdownTimeoutMs;
      await this.#closeConnections();
    }
    await this.#app.close();
    // By now every request has ended, and so have its spans.
    const leftMs = Math.max(0, limitAtMs - performance.now());
    await Promise.all([this.#sampler.close(), this.#tracing?.close(Math.min(lastSpansMs, lastSpansShare * leftMs))]);
    await this.#access?.close();
    this.#logger.info('stopped');
  }

  /**
   * Resolves when every connection has ended. `http.Server`'s close would reset idle connections on which a request may
   * be arriving, and stop the timeouts of slow ones
   * (https://github.com/nodejs/node/blob/v20.20.2/lib/_http_server.js#L517-L567), so this calls `net.Server`'s close and
   * then closes connections that stay idle. Can go when Node has a close that only stops listening.
   *
   * Clients that are still sending a request or reading a reply have until shortly before the stop's time limit.
   */
  async #closeConnections(): Promise<void> {
    const { server, connections } = this.#app;
    const { shutdownTimeoutMs } = this.#config;
    const closed = this.#isReceiving ? undefined : once(server, 'close');
    const closeAllAfterMs = shutdownTimeoutMs - Math.min(stopMarginMs, stopMarginShare * shutdownTimeoutMs);
    const limit = setTimeout(() => connections.closeAll(), closeAllAfterMs);
    if (closed) {
      await connectionsAccepted(server);
      NetServer.prototype.close.call(server);
    }
    await sleep(lastRequestMs);
    // A reply that began before the drain had no Connection: close, so its connection stays open and becomes idle.
    const sweep = setInterval(() => connections.closeIdle(lastRequestMs), idleSweepMs);
    await closed;
    // A server that does not listen emits no event when its last connection ends.
    while (connections.count > 0) await sleep(idleSweepMs);
    clearInterval(sweep);
    clearTimeout(limit);
  }
}

/** Loads OpenTelemetry, only while tracing is on. */
async function openSpans({ config, logger, metrics, version, process }: ServiceOptions): Promise<Tracing | undefined> {
  if (!config.tracing) return undefined;
  const { openTracing } = await import('./observability/tracing/open-tracing.js');
  return openTracing(config.tracing, { logger, counts: metrics, version, process });
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
