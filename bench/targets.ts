/**
 * Starts and stops the processes that are measured: the built service, the echo, and the FastAPI peer where a Python
 * with its packages is given. Whatever happens, none of them outlives the benchmark.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { assertEchoed, assertSampled, type Case, type Sent } from './bodies.js';

/** The FastAPI peer serves two routes: as its documentation writes one, and tuned by hand. */
export type TargetName = 'service' | 'echo' | 'fastapi' | 'fastapi-tuned' | 'collector';

export interface Target {
  readonly name: TargetName;
  readonly url: string;
  readonly pid: number;
  /** The line in which it said that it serves. */
  readonly announced: string;
  /** Throws when a reply of this target is not right. */
  readonly assertReply: (sent: Case, reply: Buffer) => void;
  readonly stop: () => Promise<void>;
}

const startMsMax = 60_000;
const stopMsMax = 10_000;
const stderrCharactersMax = 4000;

const running = new Set<ChildProcess>();

// A benchmark that ends in any way, Ctrl-C included, takes its processes along.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

/** How many of each; workers left out are as many as the service has by default. */
export interface Size {
  readonly processes: number;
  readonly workers?: number;
}

const smallest: Size = { processes: 1, workers: 1 };

/** The built service as an operator would run it, on a free port of the loopback address. */
export function serviceCommand({ processes, workers }: Size = smallest): {
  command: string;
  args: string[];
  env: Record<string, string>;
} {
  const entry = fileURLToPath(new URL('../src/server.js', import.meta.url));
  const size = { PROCESSES: String(processes), WORKERS: workers === undefined ? '' : String(workers) };
  const env = { HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'info', ...size };
  return { command: process.execPath, args: [entry], env };
}

/** Starts a process that ends with the benchmark. Its output is for the caller to read. */
export function spawnOwned(command: string, args: readonly string[], env: Record<string, string>): ChildProcess {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', () => running.delete(child));
  return child;
}

/** Asks a process to end, and ends it by force when it does not. */
export async function stopOwned(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
  await exited;
  clearTimeout(force);
}

/** The address that the process says it serves at, in its log or, as uvicorn does, on stderr; and that line. */
function servingAt(child: ChildProcess, name: string): Promise<{ url: string; announced: string }> {
  return new Promise((resolve, reject) => {
    let stderr = '';
    const fail = (reason: string) => reject(new Error(`The ${name} ${reason}. ${stderr}`.trim()));
    const timer = setTimeout(() => fail(`did not serve within ${startMsMax} ms`), startMsMax);
    const read = (line: string) => {
      const address = /(?:serving at|running on) (http:\/\/[^\s"]+)/.exec(line);
      if (!address) return;
      clearTimeout(timer);
      resolve({ url: address[1], announced: line });
    };
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', read);
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      stderr = `${stderr}${line}\n`.slice(-stderrCharactersMax);
      read(line);
    });
    child.once('error', (error) => fail(`cannot start: ${error.message}`));
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      fail(`ended with ${signal ?? code}`);
    });
  });
}

async function startTarget(
  name: TargetName,
  { command, args, env }: { command: string; args: readonly string[]; env: Record<string, string> },
  assertReply: Target['assertReply'],
): Promise<Target> {
  const child = spawnOwned(command, args, env);
  try {
    const serving = await servingAt(child, name);
    return { name, ...serving, pid: child.pid as number, assertReply, stop: () => stopOwned(child) };
  } catch (error) {
    await stopOwned(child);
    throw error;
  }
}

export function startService(size?: Size, environment: Record<string, string> = {}): Promise<Target> {
  const command = serviceCommand(size);
  return startTarget('service', { ...command, env: { ...command.env, ...environment } }, assertSampled);
}

/** Takes the spans of services that are traced. */
export function startCollector(): Promise<Target> {
  const entry = fileURLToPath(new URL('./collector.js', import.meta.url));
  return startTarget('collector', { command: process.execPath, args: [entry], env: {} }, () => {});
}

export function startEcho(processes = 1): Promise<Target> {
  const entry = fileURLToPath(new URL('./echo.js', import.meta.url));
  return startTarget(
    'echo',
    { command: process.execPath, args: [entry], env: { PROCESSES: String(processes) } },
    assertEchoed,
  );
}

/** The folder of the peers' sources; the build lies in dist/bench. */
export const peersFolder = fileURLToPath(new URL('../../bench/peers', import.meta.url));

export interface PeerPython {
  readonly command: string;
  readonly versions: Record<string, string>;
}

/** A Python that can import `packages`: BENCH_PYTHON, else python3. Otherwise the reason why there is none. */
export function findPeerPython(packages: readonly string[]): PeerPython | { readonly missing: string } {
  const command = process.env.BENCH_PYTHON || 'python3';
  const script = [
    'import json, platform',
    'from importlib.metadata import version',
    ...packages.map((name) => `import ${name}`),
    `print(json.dumps({"python": platform.python_version(), **{name: version(name) for name in ${JSON.stringify(packages)}}}))`,
  ].join('\n');
  try {
    const text = execFileSync(command, ['-c', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return { command, versions: JSON.parse(text) };
  } catch (error) {
    const last = String((error as { stderr?: string }).stderr ?? (error as Error).message)
      .trim()
      .split('\n')
      .at(-1);
    return { missing: `${command}: ${last}` };
  }
}

/** The FastAPI service as uvicorn's documentation starts one: both routes, one process. */
export async function startFastapi(python: PeerPython): Promise<Target[]> {
  const args = ['-m', 'uvicorn', 'fastapi_torch:app', '--host', '127.0.0.1', '--port', '0', '--no-access-log'];
  const env = { PYTHONPATH: peersFolder, PYTHONDONTWRITEBYTECODE: '1' };
  const fastapi = await startTarget('fastapi', { command: python.command, args, env }, assertSampled);
  return [fastapi, { ...fastapi, name: 'fastapi-tuned', url: `${fastapi.url}/tuned` }];
}

/** Posts once and gives back the reply, which must have status 200. */
export async function post(
  target: { readonly url: string; readonly name: string },
  { path, headers, body }: Sent,
): Promise<Buffer> {
  const response = await fetch(`${target.url}${path}`, {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : new Uint8Array(body),
    signal: AbortSignal.timeout(60_000),
  });
  const reply = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) {
    throw new Error(`The ${target.name} replied ${response.status}: ${reply.toString('utf8', 0, 500)}`);
  }
  return reply;
}

/** Lets what the last load left in flight come to an end. */
export function settle(): Promise<void> {
  return sleep(200);
}
