/**
 * Hands the connections that the primary accepts to the processes, in turn. A process gets the next connection when it
 * has received the last one, so a busy process gets fewer. Until then the primary keeps the connection: if the process
 * dies, another one gets it.
 */
import type { Socket } from 'node:net';
import type { HttpProcess } from './process-handle.js';

export class Handover {
  readonly #waitingMax: number;
  readonly #waiting: Socket[] = [];
  /** Processes that can take a connection; the first one has waited longest. */
  readonly #free = new Set<HttpProcess>();
  readonly #onTheWay = new Map<HttpProcess, Socket>();
  #whenEmpty: (() => void)[] = [];

  /** @param waitingMax connections that may wait while no process can take them */
  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  /** Takes a new connection, from which nothing has been read. */
  accept(socket: Socket): void {
    socket.on('error', () => {});
    if (this.#waiting.length >= this.#waitingMax) {
      socket.destroy();
      return;
    }
    this.#waiting.push(socket);
    this.#handOut();
  }

  add(child: HttpProcess): void {
    this.#free.add(child);
    this.#handOut();
  }

  /** The process gets no more connections. */
  remove(child: HttpProcess): void {
    this.#free.delete(child);
  }

  /** The process has received its last connection. */
  received(child: HttpProcess): void {
    // This closes the descriptor of the primary; the process has one of its own.
    this.#onTheWay.get(child)?.destroy();
    this.#onTheWay.delete(child);
    if (child.serving && !child.leaving) this.#free.add(child);
    this.#handOut();
  }

  /** The process has died. What it has not received goes to another one. */
  lose(child: HttpProcess): void {
    this.#free.delete(child);
    const socket = this.#onTheWay.get(child);
    this.#onTheWay.delete(child);
    if (socket) this.#waiting.unshift(socket);
    this.#handOut();
  }

  /** No process is left that could take a connection: closes those that wait. */
  abandon(): void {
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    this.#handOut();
  }

  /** Resolves when no connection waits or is on its way. */
  async emptied(): Promise<void> {
    if (this.#waiting.length + this.#onTheWay.size > 0) await new Promise<void>((done) => this.#whenEmpty.push(done));
  }

  #handOut(): void {
    for (const child of this.#free) {
      const socket = this.#waiting.shift();
      if (!socket) break;
      this.#free.delete(child);
      this.#onTheWay.set(child, socket);
      child.handOver(socket);
    }
    if (this.#waiting.length + this.#onTheWay.size === 0) for (const done of this.#whenEmpty.splice(0)) done();
  }
}
