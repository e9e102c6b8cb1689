/**
 * The primary of several processes: accepts the connections and hands them out, supervises the processes, adds up their
 * metrics and keeps the quotas. It draws nothing and speaks no HTTP.
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

/** How long the processes may take to tell their metrics; what is missing then is what they last told. */
const valuesMsMax = 1000;

/** Among the values of the label `process`, the primary. */
const primaryLabel = 'primary';

export interface PrimaryOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** Those of the primary itself. */
  readonly metrics: Metrics;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly execArgv: readonly string[];
  /** Called once when so many processes have died that the service should end. */
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
  /** Of the question for metrics that is under way: its number, and who has not answered. */
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
   * Starts the processes; nobody can reach them yet.
   *
   * @throws {ConfigError | Error} what a process says that could not start; no process is left
   */
  start(): Promise<void> {
    return this.#supervisor.start();
  }

  /** Accepts connections; resolves to the line operators wait for. */
  async listen(): Promise<string> {
    const { host, port, processes } = this.#config;
    // All addresses of localhost, as Fastify has it.
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

  /** Unready at once; after the drain delay no new connections, and every process finishes what it has. */
  stop(drainDelayMs: number): Promise<void> {
    this.#stopped ??= this.#stop(drainDelayMs);
    return this.#stopped;
  }

  /** Of the processes, by their numbers. */
  get pids(): readonly (number | undefined)[] {
    return this.#supervisor.serving.map(({ pid }) => pid);
  }

  /** Ends every process now. */
  kill(): void {
    this.#supervisor.kill();
  }

  async #listenAt(host: string, port: number): Promise<number> {
    // What the processes' own servers would set; and nothing is read here.
    const server = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true });
    server.on('connection', (socket) => this.#handover.accept(socket));
    server.listen({ host, port });
    await once(server, 'listening');
    // Where descriptors run out, those that connect wait in the kernel.
    server.on('error', () => {});
    this.#servers.push(server);
    return (server.address() as AddressInfo).port;
  }

  async #stop(drainDelayMs: number): Promise<void> {
    this.#supervisor.drain();
    if (this.#servers.length > 0) await sleep(drainDelayMs);
    // What the kernel has accepted is accepted and handed out before any process is told that nothing more comes.
    await Promise.all(this.#servers.map(connectionsAccepted));
    for (const server of this.#servers) server.close();
    if (this.#supervisor.serving.length > 0) await this.#handover.emptied();
    await this.#supervisor.finish();
    this.#logger.info('stopped');
  }

  #lose(child: HttpProcess): void {
    this.#handover.lose(child);
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

  /** The metrics of the service, with what each process tells now; a process that does not answer holds up nobody. */
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
