/** The primary, as seen by one of its processes. */
import type { Socket } from 'node:net';
import type { QuotaAccount } from '../access/quota.js';
import type { MetricList } from '../observability/metrics.js';
import type { PoolState } from '../sampler/queue/pool.js';
import type { FromPrimary, FromProcess } from './messages.js';
import { type Charged, QuotaLease } from './quota-lease.js';

/** The channel to the primary: Node's `process`. */
export interface Channel {
  readonly connected: boolean;
  readonly send?: ((message: FromProcess, sent: () => void) => boolean) | undefined;
  on(event: 'message', heard: (message: unknown, handle: unknown) => void): unknown;
  on(event: 'disconnect', gone: () => void): unknown;
}

/** What the process does on each message of the primary. */
export interface Told {
  readonly connection: (socket: Socket) => void;
  readonly drain: () => void;
  readonly finish: () => void;
  readonly othersDraw: (othersDraw: boolean) => void;
  /** Returns the metrics of this process. */
  readonly values: () => Promise<MetricList>;
  /** Called when the primary has ended. */
  readonly orphaned: () => void;
}

/** An execution provider and what it runs on. */
interface DrawsOn {
  readonly provider: string;
  readonly device: string;
}

/** How often the primary hears that the event loop runs. */
const beatMs = 250;

export class Parent {
  readonly #channel: Channel;
  readonly #told: Told;
  readonly #metrics = new Map<number, (text: Buffer) => void>();
  readonly #charges = new Map<number, (charged: Charged) => void>();
  #ids = 0;
  #state: (() => PoolState) | undefined;

  constructor(channel: Channel, told: Told) {
    this.#channel = channel;
    this.#told = told;
    channel.on('message', (message, handle) => this.#hear(message as FromPrimary, handle));
    channel.on('disconnect', () => {
      // The process is ending: the draws that wait for their quota are accepted.
      for (const settle of this.#charges.values()) settle({ waitMs: 0, portion: 0 });
      for (const settle of this.#metrics.values()) settle(Buffer.alloc(0));
      told.orphaned();
    });
  }

  /** This process takes connections from now on. */
  serving({ provider, device }: DrawsOn, state: () => PoolState): void {
    this.#say({ type: 'serving', provider, device });
    this.#state = state;
    this.beat();
    setInterval(() => this.beat(), beatMs).unref();
  }

  /** Reports the state of the workers now. */
  beat(): void {
    if (this.#state) this.#say({ type: 'beat', state: this.#state() });
  }

  failed(message: string, code: number): void {
    this.#say({ type: 'failed', message, code });
  }

  /** The metrics of all processes. */
  readonly metrics = (): Promise<Buffer> =>
    new Promise((resolve) => {
      const id = this.#wait(this.#metrics, resolve, Buffer.alloc(0));
      this.#say({ type: 'metrics', id });
    });

  /** Opens an account of a quota that all processes share. */
  readonly quotaOf = (name: string, elementsPerMinute: number): QuotaAccount => {
    this.#say({ type: 'quota', name, elementsPerMinute });
    return new QuotaLease(elementsPerMinute, {
      charge: (elements) =>
        new Promise((resolve) => {
          const id = this.#wait(this.#charges, resolve, { waitMs: 0, portion: 0 });
          this.#say({ type: 'charge', id, name, elements });
        }),
      refund: (elements) => this.#say({ type: 'refund', name, elements }),
    });
  };

  #wait<T>(waiting: Map<number, (value: T) => void>, resolve: (value: T) => void, otherwise: T): number {
    this.#ids += 1;
    if (this.#channel.connected) waiting.set(this.#ids, resolve);
    else resolve(otherwise);
    return this.#ids;
  }

  #say(message: FromProcess): void {
    // Without a callback a message to a primary that has just died would be an uncaught error.
    if (this.#channel.connected) this.#channel.send?.(message, () => {});
  }

  #hear(message: FromPrimary, handle: unknown): void {
    switch (message.type) {
      case 'connection':
        this.#say({ type: 'received' });
        // Node passes no socket if the client has closed the connection.
        if (handle) this.#told.connection(handle as Socket);
        break;
      case 'drain':
        this.#told.drain();
        break;
      case 'finish':
        this.#told.finish();
        break;
      case 'othersDraw':
        this.#told.othersDraw(message.othersDraw);
        break;
      case 'collect':
        void this.#told.values().then((values) => this.#say({ type: 'values', id: message.id, values }));
        break;
      case 'metrics':
        settle(this.#metrics, message.id, Buffer.from(message.text));
        break;
      case 'charged':
        settle(this.#charges, message.id, message);
        break;
    }
  }
}

function settle<T>(waiting: Map<number, (value: T) => void>, id: number, value: T): void {
  waiting.get(id)?.(value);
  waiting.delete(id);
}
