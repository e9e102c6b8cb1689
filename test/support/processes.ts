/** What tests of several processes ask of them: which there are, and clients that count what they are answered. */
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { type Running, start } from './server-process.js';

/** Starts the service with two processes of one worker. */
export function startTwo(environment: Record<string, string> = {}): Promise<Running> {
  return start({ PROCESSES: '2', WORKERS: '2', ...environment });
}

/** The processes that another has started, those that have ended left out. */
export function childrenOf(pid: number): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const children = pids.filter((name) => {
    // pid (name) state parent ...: the name may hold anything (proc(5)).
    const [state, parent] = statOf(name).split(') ').at(-1)?.split(' ') ?? [];
    return Number(parent) === pid && state !== 'Z';
  });
  return children.map(Number).sort((a, b) => a - b);
}

function statOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return '';
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export async function until(what: string, holds: () => boolean | Promise<boolean>, msMax = 30_000): Promise<void> {
  const endMs = performance.now() + msMax;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`It took too long until ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** Whether the server is going to close the connection. */
  readonly closes: boolean;
}

/** POSTs JSON; rejects where no whole reply comes. */
export function post(
  url: string,
  body: unknown,
  {
    agent,
    headers = {},
    path = '/sample',
  }: { readonly agent?: Agent; readonly headers?: Record<string, string>; readonly path?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const text = JSON.stringify(body);
    const options = {
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers },
    };
    request(`${url}${path}`, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const closes = response.headers.connection === 'close';
        resolve({ status: response.statusCode as number, text: Buffer.concat(chunks).toString(), closes });
      });
    })
      .once('error', reject)
      .end(text);
  });
}

export interface Clients {
  /** Replies by status, and failures by the code of their error. */
  readonly counts: Record<string, number>;
  /** Stops asking; resolves when every request has ended. */
  readonly stop: () => Promise<void>;
}

/** Clients that draw one sample after the other, each on one connection that it keeps, or on a new one each time. */
export function draw(
  url: string,
  clients: number,
  { keepAlive = true }: { readonly keepAlive?: boolean } = {},
): Clients {
  const counts: Record<string, number> = {};
  let over = false;
  const client = async () => {
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    while (!over) {
      const became = await post(url, { logits: [1, 2, 3] }, { agent }).then(
        ({ status }) => String(status),
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      );
      counts[became] = (counts[became] ?? 0) + 1;
      // Nobody listens any more, so there is nothing to learn.
      if (became === 'ECONNREFUSED') break;
    }
    agent.destroy();
  };
  const all = Promise.all(Array.from({ length: clients }, client));
  return {
    counts,
    stop: async () => {
      over = true;
      await all;
    },
  };
}
