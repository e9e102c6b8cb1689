/**
 * The connections of a server: their limit, which of them is closed above it, their timeouts, and the order in which
 * pipelined requests are parsed.
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
  /** Time limit of a request, and of the bytes that a client still sends after an early reply. */
  readonly requestTimeoutMs: number;
}

/** How often the timeouts of replies in flight are checked. */
const checkIntervalMs = 1000;

/**
 * How long one turn of the event loop reads large pieces. libuv reads each socket up to 32 times in a row
 * (https://github.com/libuv/libuv/blob/v1.51.0/src/unix/stream.c, uv__read), 2 MiB, so a few large bodies at once would
 * block the event loop.
 */
const turnReadMsMax = 1;

/**
 * Most bytes that a lingering close discards, far more than any body that is let in. Each turn of the event loop
 * discards as many as it can in a millisecond.
 */
const lingerBytesMax = 2 ** 30;

/** Idle connections keep their full timeout until this share of the table is in use. */
const roomyShare = 0.75;

/** A connection whose body has stalled this long may be closed; a lost packet is resent well before that. */
const stalledMsMin = 1000;

/** Least keep-alive timeout, however full the table is. */
const keepAliveMsMin = 1000;

export class Connections {
  readonly #server: Server;
  readonly #limits: ConnectionLimits;
  readonly #all = new Bag<Connection>();
  /** When this turn began to read large pieces, 0 before, and the connections that wait for the next. */
  #readSinceMs = 0;
  #heldBack: Connection[] = [];
  /** Connections with pipelined requests that wait to be parsed. */
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

  /** Closes the connections without a request, except those accepted within the last `newMs`. */
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
   * Closes a lingering connection, or else the one that has been silent for the longest time: idle, without a complete
   * head, or in the middle of a body. A connection with a complete request in flight is never closed. Closing idle
   * connections first would be worse: a thousand silent connections would then close those of active clients.
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

  /** Each turn of the event loop parses one pipelined request, of the connection that has waited longest. */
  #wait(connection: Connection): void {
    this.#waiting.push(connection);
    if (this.#waiting.length === 1) setImmediate(this.#wake);
  }

  readonly #wake = (): void => {
    this.#waiting[0]?.wake();
    this.#waiting.shift();
    if (this.#waiting.length > 0) setImmediate(this.#wake);
  };

  /** Closes the connections of clients that do not read their replies, since unsent replies hold memory. */
  #closeSlowReaders(): void {
    const nowMs = performance.now();
    for (const connection of this.#all) {
      if (connection.replyMs(nowMs) > this.#limits.replyTimeoutMs) connection.socket.destroy();
    }
  }
}
