/** One of the HTTP processes, as seen by the primary. */
import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { MetricList } from '../observability/metrics.js';
import type { FromPrimary, FromProcess } from './messages.js';

const entry = fileURLToPath(new URL('../server.js', import.meta.url));

/** How often an exit looks whether the channel has ended; it ends within a turn of the event loop. */
const channelLookMs = 5;

export interface HttpProcessOptions {
  /** From 1 on; a replacement has the number of the one that died. */
  readonly number: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Options of Node.js. */
  readonly execArgv: readonly string[];
  readonly heard: (process: HttpProcess, message: FromProcess) => void;
  /** Called once it has exited and its last message has been read. `how` is the exit code or the signal. */
  readonly ended: (process: HttpProcess, how: string) => void;
}

export class HttpProcess {
  readonly number: number;
  readonly #child: ChildProcess;
  /** Whether it takes connections. */
  serving = false;
  /** Whether its workers can draw. */
  drawing = false;
  /** Whether it finishes its requests while another process replaces it. */
  leaving = false;
  /** Time since its last message. */
  silentMs = 0;
  /** The metrics that it reported last. */
  values: MetricList = [];
  /** Resolves to the exit code, or to undefined if a signal terminated it. */
  readonly exit: Promise<number | undefined>;

  constructor({ number, environment, execArgv, heard, ended }: HttpProcessOptions) {
    this.number = number;
    this.#child = fork(entry, [`--process=${number}`], {
      env: environment as NodeJS.ProcessEnv,
      // Two processes cannot open their inspectors on one port.
      execArgv: execArgv.filter((option) => !option.startsWith('--inspect')),
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // A process group of its own: the signals of a terminal reach the primary only, also during the start.
      detached: true,
    });
    const exited = new Promise<[number | null, string | null]>((resolve) => {
      this.#child.once('exit', (code, signal) => resolve([code, signal]));
      // The process could not be spawned.
      this.#child.once('error', () => resolve([null, null]));
    });
    this.#child.on('message', (message) => {
      this.silentMs = 0;
      heard(this, message as FromProcess);
    });
    this.exit = exited.then(async ([code, signal]) => {
      // Messages may still arrive after the exit, until the channel ends. Node emits no `disconnect` while a socket is
      // on its way (https://github.com/nodejs/node/issues/19433), so this polls. Can go when Node does.
      while (this.#child.connected) await sleep(channelLookMs);
      this.serving = false;
      this.drawing = false;
      ended(this, signal === null ? `exit code ${code}` : `signal ${signal}`);
      return code ?? undefined;
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  tell(message: FromPrimary): void {
    // Its exit is handled elsewhere.
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** Sends a connection. The caller keeps the socket until the process says that it has received it. */
  handOver(socket: Socket): void {
    if (!this.#child.connected) return;
    this.#child.send({ type: 'connection' } satisfies FromPrimary, socket, { keepOpen: true }, () => {});
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
