/**
 * The built service as a process of its own, and what can be seen of it from outside: its log, its memory, how it
 * ended. None of these processes outlives the tests.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { memoryMiB } from '../bench/memory.js';
import { isReply, WireConnection, type WireReply } from './wire.js';

const entry = fileURLToPath(new URL('../src/server.js', import.meta.url));

const startMsMax = 30_000;
const stopMsMax = 40_000;
const logLinesMax = 10_000;

const running = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

export interface StartOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** A module of faults/preload that the service loads before its own code, in every thread. */
  readonly preload?: string;
  /** More options of Node.js. */
  readonly nodeOptions?: string;
}

export type Exit = readonly [code: number | null, signal: NodeJS.Signals | null];

function spawnService({ environment, preload, nodeOptions }: StartOptions): ChildProcess {
  const imports = preload === undefined ? '' : `--import=${new URL(`./preload/${preload}.js`, import.meta.url).href}`;
  const env = {
    ...process.env,
    HOST: '127.0.0.1',
    PORT: '0',
    PROCESSES: '1',
    WORKERS: '1',
    NODE_OPTIONS: [imports, nodeOptions ?? ''].join(' ').trim(),
    ...environment,
  };
  return spawn(process.execPath, [entry], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

export class Service {
  readonly #child: ChildProcess;
  /** Parsed lines of the log, the oldest. */
  readonly log: Record<string, unknown>[] = [];
  /** Lines of stderr, where a preload says what it does. */
  readonly stderr: string[] = [];
  readonly exit: Promise<Exit>;
  port = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    running.add(child);
    this.exit = once(child, 'exit').then((exit) => {
      running.delete(child);
      return exit as unknown as Exit;
    });
  }

  /** Starts it on a free port of the loopback address, with one worker; resolves once it serves. */
  static async start(options: StartOptions = {}): Promise<Service> {
    const service = new Service(spawnService(options));
    const { stdout, stderr } = service.#child;
    createInterface({ input: stderr as NodeJS.ReadableStream }).on('line', (line) => service.stderr.push(line));
    await new Promise<void>((resolve, reject) => {
      const fail = (reason: string) => reject(new Error(`The service ${reason}. ${service.stderr.join('\n')}`));
      const timer = setTimeout(() => fail(`did not serve within ${startMsMax} ms`), startMsMax);
      createInterface({ input: stdout as NodeJS.ReadableStream }).on('line', (line) => {
        if (service.log.length < logLinesMax) service.log.push(JSON.parse(line));
        const port = service.port === 0 && /serving at \S+:(\d+)/.exec(line)?.[1];
        if (!port) return;
        clearTimeout(timer);
        service.port = Number(port);
        resolve();
      });
      service.exit.then(() => {
        clearTimeout(timer);
        fail('ended before it served');
      });
    });
    return service;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  memory(): { readonly residentMiB: number; readonly peakMiB: number } {
    return memoryMiB(this.pid);
  }

  /** Makes the peak of `memory` that of now on (proc(5), clear_refs), and gives what is resident now. */
  resetPeakMemory(): number {
    writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
    return this.memory().residentMiB;
  }

  /** Open files, sockets counted in. */
  descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /**
   * Limits its open files from now on, by prlimit of util-linux: a start reads more modules at once than the limits
   * tried here.
   */
  limitDescriptors(count: number): void {
    execFileSync('prlimit', [`--pid=${this.pid}`, `--nofile=${count}:${count}`]);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /**
   * Sends SIGTERM and resolves with how the process ended; one that does not end in time is killed, which shows in the
   * exit.
   */
  async stop(): Promise<Exit> {
    this.signal('SIGTERM');
    const force = setTimeout(() => this.signal('SIGKILL'), stopMsMax);
    const exit = await this.exit;
    clearTimeout(force);
    return exit;
  }

  /** One request on a connection of its own. */
  async ask(bytes: Buffer | string): Promise<WireReply> {
    const connection = await WireConnection.open(this.port);
    const answer = await connection.request(bytes);
    connection.destroy();
    if (!isReply(answer)) throw new Error(`No reply came: ${answer.closed}`);
    return answer;
  }

  /** The status of a GET. */
  async get(path: string): Promise<number> {
    return (await this.ask(`GET ${path} HTTP/1.1\r\nHost: service\r\nConnection: close\r\n\r\n`)).status;
  }
}
