/** The built service as a process of its own, for tests of the process and of its clients. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const entry = fileURLToPath(new URL('../../src/server.js', import.meta.url));

export interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  readonly lines: Record<string, unknown>[];
  readonly stderr: () => string;
  readonly exit: Promise<[number | null, string | null]>;
}

/** Starts it on a free port of the loopback address with the given environment on top of one worker. */
export function run(environment: Record<string, string>) {
  const child = spawn(process.execPath, [entry], {
    env: { ...process.env, HOST: '127.0.0.1', PORT: '0', PROCESSES: '1', WORKERS: '1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return { child, stderr: () => stderr, exit: once(child, 'exit') as Promise<[number | null, string | null]> };
}

/** Resolves once it serves; rejects if it ends before that. */
export async function start(environment: Record<string, string> = {}): Promise<Running> {
  const { child, stderr, exit } = run(environment);
  const lines: Record<string, unknown>[] = [];
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(JSON.parse(line));
      const address = /serving at (\S+)/.exec(String(lines.at(-1)?.msg));
      if (address) resolve(address[1]);
    });
    exit.then(() => reject(new Error(`The service ended: ${stderr()}`)));
  });
  return { child, url, lines, stderr, exit };
}
