/**
 * The primary of several processes: it accepts connections and hands them to the processes, supervises them, merges
 * their metrics and keeps the quotas. It neither draws nor parses HTTP.
 */
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import type { Metrics } from '../observability/metrics.js';
import { PacedGeneration } from '../observability/paced-generation.js';
import { addressOf, startLine } from '../observability/start-line.js';
import { connectionsAccepted } from '../runtime/connections-accepted.js';
import { Handover } from './handover.js';
import { MergedMetrics } from './merge-metrics.js';
import type { FromProcess } from './messages.js';
import type { HttpProcess } from './process-handle.js';
import { QuotaLedger } from './quota-ledger.js';
import { splitLimits, workersOfAll } from './split.js';
import { Supervisor } from './supervisor.js';

/** Time limit for the processes to report their metrics. A process that is late counts with its last report. */
const valuesMsMax = 1000;

/** The primary's value of the label `process`. */
const primaryLabel = 'primary';

export interface PrimaryOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** The metrics of the primary itself. */
  readonly metrics: Metrics;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly execArgv: readonly string[];
  /** Called once, when so many processes have died that the service should end. */
  readonly tooManyDeaths: () => void;
}

export class Primary {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #supervisor: Supervisor;
  readonly #handover: Handover;
  readonly #ledger: QuotaLedger;
  readonly #merged = new MergedMetrics();
  readonly #text: PacedGeneration<string>;
  readonly #servers: Server[] = [];
  /** The collection of metrics under way: its number, and the processes that have not reported. */
  #collecting = { id: 0, missing: new Set<HttpProcess>(), done: () => {} };
  #drawsOn = { provider: '', device: '' };
  #stopped: Promise<void> | undefined;

  constructor({ config, logger, metrics, environment, execArgv, tooManyDeaths }: PrimaryOptions) {
    this.#config = config;
    this.#logger = logger;
    this.#metrics = metrics;
    this.#handover = new Handover(config.connectionsMax);
    this.#ledger = new QuotaLedger(config.processes, () => performance.now());
    this.#text = new PacedGeneration(() => this.#collect(), { now: () => performance.now(), sleep });
    this.#supervisor = new Supervisor({
      count: config.processes,
      environmentOf: (number) => ({ ...environment, ...splitLimits(config, number - 1) }),
      execArgv,
      watchdogMs: config.watchdogMs,
      finishMs: config.shutdownTimeoutMs,
      logger,
      heard: (child, message) => this.#hear(child, message),
      serving: (child) => this.#handover.add(child),
      leaving: (child) => this.#handover.remove(child),
      ended: (child) => this.#lose(child),
      restarted: metrics.processRestarted,
      tooManyDeaths,
    });
  }

  /**
   * Starts the processes; the primary does not listen yet.
   *
   * @throws {ConfigError | Error} the error of a process that could not start. The others are killed.
   */
  start(): Promise<void> {
    return this.#supervisor.start();
  }

  /** Starts listening. Resolves to the log line "serving at ...", which scripts wait for. */
  async listen(): Promise<string> {
    const { host, port, processes } = this.#config;
    // Fastify, which listens if there is one process, listens on all addresses of localhost.
    const addresses = host === 'localhost' ? (await lookup(host, { all: true })).map(({ address }) => address) : [host];
    try {
      let taken = port;
      for (const [index, address] of addresses.entries()) {
        const listening = this.#listenAt(address, taken);
        if (index === 0) taken = await listening;
        else await listening.catch(() => {});
      }
      const address = addressOf(host, taken);
      return startLine({ ...this.#drawsOn, address, processes, workers: workersOfAll(this.#config) });
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  /**
   * Makes /readyz reply 503 at once. After the drain delay it stops listening, and all processes finish their requests
   * and end. Later calls return the same promise.
   */
  stop(drainDelayMs: number): Promise<void> {
    this.#stopped ??= this.#stop(drainDelayMs);
    return this.#stopped;
  }

  /** Process ids, by number. */
  get pids(): readonly (number | undefined)[] {
    return this.#supervisor.serving.map(({ pid }) => pid);
  }

  /** Kills all processes. */
  kill(): void {
    this.#supervisor.kill();
  }

  async #listenAt(host: string, port: number): Promise<number> {
    // The options of Node's HTTP server, whose sockets these become. The primary reads nothing from them.
    const server = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true });
    server.on('connection', (socket) => this.#handover.accept(socket));
    server.listen({ host, port });
    await once(server, 'listening');
    // Without a free descriptor, connections wait in the kernel.
    server.on('error', () => {});
    this.#servers.push(server);
    return (server.address() as AddressInfo).port;
  }

  async #stop(drainDelayMs: number): Promise<void> {
    this.#supervisor.drain();
    if (this.#servers.length > 0) await sleep(drainDelayMs);
    // The processes must have every connection that the kernel has accepted before they finish.
    await Promise.all(this.#servers.map(connectionsAccepted));
    for (const server of this.#servers) server.close();
    if (this.#supervisor.serving.length === 0) this.#handover.abandon();
    await this.#handover.emptied();
    await this.#supervisor.finish();
    this.#logger.info('stopped');
  }

  #lose(child: HttpProcess): void {
    this.#handover.lose(child);
    // From a stop on none is replaced.
    if (this.#stopped && this.#supervisor.serving.length === 0) this.#handover.abandon();
    this.#answered(child);
    this.#merged.addPast(child.values);
    child.values = [];
  }

  #hear(child: HttpProcess, message: FromProcess): void {
    switch (message.type) {
      case 'serving':
        this.#drawsOn = { provider: message.provider, device: message.device };
        break;
      case 'received':
        this.#handover.received(child);
        break;
      case 'values':
        child.values = message.values;
        if (message.id === this.#collecting.id) this.#answered(child);
        break;
      case 'metrics':
        void this.#text.ask().then((text) => child.tell({ type: 'metrics', id: message.id, text }));
        break;
      case 'quota':
        this.#ledger.set(message.name, message.elementsPerMinute);
        break;
      case 'charge':
        child.tell({ type: 'charged', id: message.id, ...this.#ledger.charge(message.name, message.elements) });
        break;
      case 'refund':
        this.#ledger.refund(message.name, message.elements);
        break;
    }
  }

  #answered(child: HttpProcess): void {
    this.#collecting.missing.delete(child);
    if (this.#collecting.missing.size === 0) this.#collecting.done();
  }

  /** Collects the metrics of all processes, within a time limit. */
  async #collect(): Promise<string> {
    const { serving, retired } = this.#supervisor;
    const id = this.#collecting.id + 1;
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, valuesMsMax);
      const done = () => {
        clearTimeout(late);
        resolve();
      };
      this.#collecting = { id, missing: new Set([...serving, ...retired]), done };
      for (const child of this.#collecting.missing) child.tell({ type: 'collect', id });
    });
    const own = await this.#metrics.values();
    const lists = serving.map((child) => [String(child.number), child.values] as const);
    return this.#merged.text(
      [...lists, [primaryLabel, own]],
      retired.map(({ values }) => values),
    );
  }
}
