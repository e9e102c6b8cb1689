/** Requests to the ingress controller, whose certificate is the one that the document makes. */
import { Agent, request } from 'node:https';

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Longest wait for a reply, after which it counts as lost. */
const replyMsMax = 30_000;

export class Client {
  readonly #agent: Agent;
  readonly #host: string;
  readonly #key: string;

  /** Connections are kept and used again, as most clients do. */
  constructor(host: string, certificate: string, key: string) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: 16, ca: certificate });
    this.#host = host;
    this.#key = key;
  }

  /** Draws, or gets what has no body. Nothing is tried again. */
  ask(path: string, body?: unknown): Promise<Answer> {
    const headers = { authorization: `Bearer ${this.#key}`, 'content-type': 'application/json' };
    const method = body === undefined ? 'GET' : 'POST';
    const options = { host: this.#host, path, method, headers, agent: this.#agent, timeout: replyMsMax };
    return new Promise((resolve, reject) => {
      const sent = request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () =>
          resolve({ status: Number(response.statusCode), text: Buffer.concat(chunks).toString() }),
        );
      });
      sent.once('timeout', () => sent.destroy(new Error('no reply in time')));
      sent.once('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
