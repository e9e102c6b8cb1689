/** A client that sends what bytes it likes, for tests of the edge: an HTTP library would refuse to. */
import { connect, type Socket } from 'node:net';
import type { Test } from 'tap';
import { type Service, startService } from './service.js';

export async function listening(
  t: Test,
  environment: Record<string, string> = {},
): Promise<{ service: Service; port: number }> {
  const service = await startService(environment);
  t.teardown(service.close);
  await service.app.listen({ port: 0, host: '127.0.0.1' });
  return { service, port: (service.app.server.address() as { port: number }).port };
}

export class RawClient {
  readonly socket: Socket;
  #received = '';
  readonly closed: Promise<void>;

  constructor(port: number, text = '') {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => {
      if (text !== '') this.socket.write(text);
    });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (piece: string) => {
      this.#received += piece;
    });
    // A connection that the service closes may be reset; what counts is what came before.
    this.socket.on('error', () => {});
    this.socket.on('end', () => this.socket.end());
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
  }

  /** All that has come. */
  get received(): string {
    return this.#received;
  }

  /** The statuses of all replies that have come, in their order. */
  get statuses(): number[] {
    return [...this.#received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  }

  /** Resolves once so many replies have begun. */
  async replies(count: number): Promise<void> {
    while (this.statuses.length < count && !this.socket.destroyed) await new Promise(setImmediate);
  }
}

export function get(path: string, headers = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;
}

export function post(path: string, body: string, headers = ''): string {
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** A request whose body comes in chunks of so many bytes each. */
export function chunked(method: string, path: string, body: string, bytes: number): string {
  const chunks: string[] = [];
  for (let at = 0; at < body.length; at += bytes) {
    const piece = body.slice(at, at + bytes);
    chunks.push(`${piece.length.toString(16)}\r\n${piece}\r\n`);
  }
  const head = `${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  return `${head}${chunks.join('')}0\r\n\r\n`;
}
