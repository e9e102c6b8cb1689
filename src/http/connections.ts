/**
 * The connections of a server: how many there may be, which of them has to go when there are too many, how long each
 * may take, and in which order they are served what they have sent ahead.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Bag } from '../runtime/bag.js';
import { Connection, type ConnectionParts } from './connection.js';

export interface ConnectionLimits {
  readonly connectionsMax: number;
  readonly requestsPerSocketMax: number;
  readonly keepAliveTimeoutMs: number;
  readonly replyTimeoutMs: number;
  /** As long as a request may take may a client go on sending that was answered before it had sent all. */
  readonly requestTimeoutMs: number;
}

/** How often replies under way are looked at. */
const checkIntervalMs = 1000;

/**
 * How long one turn of the event loop reads large pieces: libuv reads each socket up to 32 times in a row
 * (https://github.com/libuv/libuv/blob/v1.51.0/src/unix/stream.c, uv__read), 2 MiB, and eight bodies at once held the
 * thread for 30 ms.
 */
const turnReadMsMax = 1;

/**
 * A client that was answered may go on sending so much, far more than any body that is let in; a turn throws away what
 * a millisecond is enough for.
 */
const lingerBytesMax = 2 ** 30;

/** Idle connections keep their time until so much of the table is taken. */
const roomyShare = 0.75;

/** A body that has stopped for so long may make way: a lost packet is sent again within a few hundred milliseconds. */
const stalledMsMin = 1000;

/** However full the table is, an idle connection is told that it has so long. */
const keepAliveMsMin = 1000;

export class Connections {
  readonly #server: Server;
  readonly #limits: ConnectionLimits;
  readonly #all = new Bag<Connection>();
  /** When this turn began to read large pieces, 0 before, and the connections that wait for the next. */
  #readSinceMs = 0;
  #heldBack: Connection[] = [];
  /** Connections with requests that wait for their turn. */
  readonly #waiting: Connection[] = [];
  readonly #parts: ConnectionParts;
  readonly #check: NodeJS.Timeout;

  /** Call it before the server listens. */
  constructor(server: Server, limits: ConnectionLimits) {
    this.#server = server;
    this.#limits = limits;
    this.#parts = {
      countRead: (connection) => this.#countRead(connection),
      inItsTurn: (connection) => this.#wait(connection),
      idleMs: () => server.keepAliveTimeout,
      requestsMax: limits.requestsPerSocketMax,
      lingerMsMax: limits.requestTimeoutMs,
      lingerBytesMax,
    };
    server.on('connection', (socket) => this.#accept(socket));
    this.#check = setInterval(() => this.#closeSlowReaders(), checkIntervalMs);
    this.#check.unref();
    server.once('close', () => clearInterval(this.#check));
  }

  get count(): number {
    return this.#all.size;
  }

  /** Closes the connections whose clients ask for nothing, but for those that came within the last `newMs`. */
  closeIdle(newMs: number): void {
    const before = performance.now() - newMs;
    for (const { activity, silent, sinceMs, socket } of this.#all) {
      if (activity === 'idle' || (silent && sinceMs < before)) socket.destroy();
    }
  }

  closeAll(): void {
    for (const { socket } of this.#all) socket.destroy();
  }

  #accept(socket: Socket): void {
    const connection = new Connection(socket, this.#parts);
    this.#all.add(connection);
    socket.once('close', () => {
      this.#all.delete(connection);
      this.#setKeepAlive();
    });
    if (this.#all.size > this.#limits.connectionsMax) this.#makeRoom(connection);
    this.#setKeepAlive();
  }

  /**
   * Closes a connection that lingers, or else the one on which nothing has come for the longest time, be it idle,
   * without a complete head or in the middle of a body; never one with a complete request in flight. Idle ones first
   * would be worse: a thousand silent connections would close those of clients that have just been served.
   */
  #makeRoom(newcomer: Connection): void {
    const nowMs = performance.now();
    let spared = newcomer;
    for (const connection of this.#all) {
      const { activity, sinceMs, socket } = connection;
      if (socket.destroyed || (activity === 'busy' && connection.stalledMs(nowMs) < stalledMsMin)) continue;
      if (activity === 'lingering') {
        spared = connection;
        break;
      }
      if (sinceMs < spared.sinceMs) spared = connection;
    }
    spared.socket.destroy();
  }

  /** Node reads the property for each reply. */
  #setKeepAlive(): void {
    const { connectionsMax, keepAliveTimeoutMs } = this.#limits;
    const free = 1 - this.#all.size / connectionsMax;
    const share = Math.min(1, Math.max(0, free / (1 - roomyShare)));
    const leastMs = Math.min(keepAliveMsMin, keepAliveTimeoutMs);
    this.#server.keepAliveTimeout = Math.max(leastMs, Math.floor(share * keepAliveTimeoutMs));
  }

  #countRead(connection: Connection): void {
    const nowMs = performance.now();
    if (this.#readSinceMs === 0) {
      this.#readSinceMs = nowMs;
      setImmediate(this.#beginTurn);
    }
    if (nowMs - this.#readSinceMs < turnReadMsMax) return;
    connection.holdBack();
    this.#heldBack.push(connection);
  }

  readonly #beginTurn = (): void => {
    this.#readSinceMs = 0;
    for (const connection of this.#heldBack.splice(0)) connection.goOn();
  };

  /** Each turn of the event loop parses one request that was sent ahead, of whichever connection has waited longest. */
  #wait(connection: Connection): void {
    this.#waiting.push(connection);
    if (this.#waiting.length === 1) setImmediate(this.#wake);
  }

  readonly #wake = (): void => {
    this.#waiting[0]?.wake();
    this.#waiting.shift();
    if (this.#waiting.length > 0) setImmediate(this.#wake);
  };

  /** Closes the connections of clients that do not take their replies: what waits to be sent is memory. */
  #closeSlowReaders(): void {
    const nowMs = performance.now();
    for (const connection of this.#all) {
      if (connection.replyMs(nowMs) > this.#limits.replyTimeoutMs) connection.socket.destroy();
    }
  }
}
