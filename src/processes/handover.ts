/**
 * Hands the connections that the primary accepts to the processes, one after the other. Each gets its next one when it
 * has said that it has the last, so that a process that is held up gets no more; and until then the primary keeps the
 * connection, so that it is handed to another where the process dies.
 */
import type { Socket } from 'node:net';
import type { HttpProcess } from './process-handle.js';

export class Handover {
  readonly #waitingMax: number;
  readonly #waiting: Socket[] = [];
  /** Those that can take one, the one that has waited longest first. */
  readonly #free = new Set<HttpProcess>();
  readonly #onTheWay = new Map<HttpProcess, Socket>();
  #whenEmpty: (() => void)[] = [];

  /** @param waitingMax connections that may wait while no process takes them */
  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  /** Takes a connection that nobody has read from. */
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

  /** Gives the process nothing more; what it has not received goes to another. */
  remove(child: HttpProcess): void {
    this.#free.delete(child);
  }

  /** The process has what it was handed. */
  received(child: HttpProcess): void {
    // The process has a descriptor of its own for it; this closes the primary's.
    this.#onTheWay.get(child)?.destroy();
    this.#onTheWay.delete(child);
    if (child.serving && !child.leaving) this.#free.add(child);
    this.#handOut();
  }

  /** The process has ended. */
  lose(child: HttpProcess): void {
    this.#free.delete(child);
    const socket = this.#onTheWay.get(child);
    this.#onTheWay.delete(child);
    if (socket) this.#waiting.unshift(socket);
    this.#handOut();
  }

  /** Resolves when every connection is with a process. */
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
