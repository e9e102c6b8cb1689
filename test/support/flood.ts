/**
 * The same request again and again, over many connections that are kept: for tests of what many requests leave behind.
 */
import { Agent, request } from 'node:http';

export interface Sent {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string | Buffer;
}

export class Flood {
  readonly #url: string;
  readonly #agent: Agent;

  constructor(url: string, connections: number) {
    this.#url = url;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** Posts `count` times, a request after the other on each connection; rejects at the first reply that is no 200. */
  async post(sent: Sent, count: number): Promise<void> {
    let left = count;
    const client = async () => {
      while (left-- > 0) await this.#postOnce(sent);
    };
    await Promise.all(Array.from({ length: this.#agent.maxSockets }, client));
  }

  end(): void {
    this.#agent.destroy();
  }

  #postOnce({ path, headers, body }: Sent): Promise<void> {
    return new Promise((resolve, reject) => {
      const options = {
        agent: this.#agent,
        method: 'POST',
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      };
      request(`${this.#url}${path}`, options, (response) => {
        if (response.statusCode !== 200) reject(new Error(`${path} replied ${response.statusCode}`));
        response.resume().once('end', resolve);
      })
        .once('error', reject)
        .end(body);
    });
  }
}
