/**
 * Well-behaved clients of one service: a steady mix of requests in an open loop, on connections that are kept, closed
 * after a while, and opened for one request alone.
 */
import { uniforms } from '../../bench/bodies.js';
import { type Answer, WireConnection } from '../wire.js';
import type { Outcomes } from './outcomes.js';
import type { Share, SoakRequest } from './requests.js';

const connectionsKept = 12;
/** Of all requests: those that come on a connection of their own, and those after which a kept one is closed. */
const shareAlone = 0.08;
const shareClosed = 0.005;
/** Longer than any reply may take: DEADLINE_MS, and what a busy machine adds. A reply that comes later is lost. */
const replyMsMax = 90_000;

export interface ClientOptions {
  readonly port: number;
  /** Requests a second, from now on. */
  readonly perSecond: () => number;
  readonly seed: number;
  readonly mix: readonly Share[];
}

export class Clients {
  readonly #options: ClientOptions;
  readonly #outcomes: Outcomes;
  readonly #uniform: () => number;
  readonly #idle: WireConnection[] = [];
  readonly #backlog: SoakRequest[] = [];
  readonly #pending = new Set<Promise<void>>();
  #connections = 0;
  #nextMs = performance.now();
  readonly #timer: NodeJS.Timeout;

  /** Starts at once. */
  constructor(options: ClientOptions, outcomes: Outcomes) {
    this.#options = options;
    this.#outcomes = outcomes;
    this.#uniform = uniforms(options.seed);
    this.#timer = setInterval(() => this.#tick(), 2);
  }

  /** Waits for the replies under way, and closes the connections. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    while (this.#pending.size > 0) await Promise.all(this.#pending);
    for (const connection of this.#idle) connection.destroy();
  }

  /** Sends a request on a connection of its own. */
  async askAlone(request: SoakRequest): Promise<void> {
    this.#outcomes.count(request, await this.#askOn(await this.#open(), request, false));
  }

  #tick(): void {
    const nowMs = performance.now();
    while (this.#nextMs <= nowMs) {
      this.#nextMs -= (Math.log(1 - this.#uniform()) * 1000) / this.#options.perSecond();
      const request = this.#choose();
      this.#track(this.#uniform() < shareAlone ? this.askAlone(request) : this.#askKept(request));
    }
  }

  #track(asked: Promise<void>): void {
    const tracked = asked.finally(() => this.#pending.delete(tracked));
    this.#pending.add(tracked);
  }

  #choose(): SoakRequest {
    const { mix } = this.#options;
    const at = this.#uniform();
    let sum = 0;
    const { requests } =
      mix.find(({ share }) => {
        sum += share;
        return at < sum;
      }) ?? mix[0];
    return requests[Math.floor(this.#uniform() * requests.length)];
  }

  /** On the connection that has been idle longest; waits where all are busy. */
  async #askKept(request: SoakRequest): Promise<void> {
    const idle = this.#idle.shift();
    if (!idle && this.#connections === connectionsKept) {
      this.#backlog.push(request);
      return;
    }
    if (!idle) this.#connections += 1;
    const connection = idle ?? (await this.#open());
    const isClosed = this.#uniform() < shareClosed;
    this.#outcomes.count(request, await this.#askOn(connection, request, !isClosed));
    if (connection && !isClosed && connection.reusable) this.#idle.push(connection);
    else this.#connections -= 1;
    const next = this.#backlog.shift();
    if (next) this.#track(this.#askKept(next));
  }

  #open(): Promise<WireConnection | undefined> {
    return WireConnection.open(this.#options.port).catch(() => undefined);
  }

  async #askOn(connection: WireConnection | undefined, { bytes }: SoakRequest, isKept: boolean): Promise<Answer> {
    if (!connection) return { closed: 'refused' };
    const timer = setTimeout(() => connection.destroy(), replyMsMax);
    const answer = await connection.request(bytes);
    clearTimeout(timer);
    if (!isKept || !connection.reusable) connection.destroy();
    return answer;
  }
}
