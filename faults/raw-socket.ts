/** A connection whose client sends what it likes and reads when it likes; and how many replies it got. */
import { connect, type Socket } from 'node:net';

const statusLine = 'HTTP/1.1 ';

export class RawSocket {
  readonly socket: Socket;
  /** Replies that have begun. */
  replies = 0;
  readonly closed: Promise<void>;
  #rest = '';
  #waiting: { readonly count: number; readonly resolve: () => void } | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes) => this.#count(bytes.toString('latin1')));
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#waiting?.resolve();
        resolve();
      });
    });
  }

  /** @throws {NodeJS.ErrnoException} where nobody takes the connection, as a rejection */
  static open(port: number): Promise<RawSocket> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new RawSocket(socket));
      });
    });
  }

  static openAll(port: number, count: number): Promise<RawSocket[]> {
    return Promise.all(Array.from({ length: count }, () => RawSocket.open(port)));
  }

  /** Resolves once so many replies have begun, or the connection has closed. */
  answered(count: number): Promise<void> {
    if (this.replies >= count || this.socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting = { count, resolve };
    });
  }

  #count(text: string): void {
    const all = this.#rest + text;
    this.replies += all.split(statusLine).length - 1;
    this.#rest = all.slice(-(statusLine.length - 1));
    if (this.#waiting && this.replies >= this.#waiting.count) this.#waiting.resolve();
  }
}
