/** One of the processes that speak HTTP, as the primary knows it. */
import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { MetricList } from '../observability/metrics.js';
import type { FromPrimary, FromProcess } from './messages.js';

const entry = fileURLToPath(new URL('../server.js', import.meta.url));

/** After an exit the channel ends within a turn of the event loop. */
const channelLookMs = 5;

export interface HttpProcessOptions {
  /** From 1 on; a replacement has the number of the one that died. */
  readonly number: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Options of Node.js. */
  readonly execArgv: readonly string[];
  readonly heard: (process: HttpProcess, message: FromProcess) => void;
  /** It has ended, and everything it said has been heard. */
  readonly ended: (process: HttpProcess, how: string) => void;
}

export class HttpProcess {
  readonly number: number;
  readonly #child: ChildProcess;
  /** It can be handed connections. */
  serving = false;
  /** Its workers can draw. */
  drawing = false;
  /** It has been told to end. */
  leaving = false;
  /** How long nothing has been heard of it. */
  silentMs = 0;
  /** What it last told of its metrics. */
  values: MetricList = [];
  /** Resolves once it has ended, to its exit code; undefined where a signal ended it. */
  readonly exit: Promise<number | undefined>;

  constructor({ number, environment, execArgv, heard, ended }: HttpProcessOptions) {
    this.number = number;
    this.#child = fork(entry, [`--process=${number}`], {
      env: environment as NodeJS.ProcessEnv,
      // Two processes cannot have their inspectors on one port.
      execArgv: execArgv.filter((option) => !option.startsWith('--inspect')),
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // A group of its own: what a terminal sends to the service reaches the primary alone, which tells the others.
      detached: true,
    });
    const exited = new Promise<[number | null, string | null]>((resolve) => {
      this.#child.once('exit', (code, signal) => resolve([code, signal]));
      // Where it could not even be started.
      this.#child.once('error', () => resolve([null, null]));
    });
    this.#child.on('message', (message) => {
      this.silentMs = 0;
      heard(this, message as FromProcess);
    });
    this.exit = exited.then(async ([code, signal]) => {
      // The channel ends after the last message in it, and the exit may be told before. Node says nothing of its end
      // while a connection is on the way (https://github.com/nodejs/node/issues/19433), so this looks.
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
    // One that is gone hears nothing, which its exit says too.
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** Hands a connection over, and keeps it until the process says that it has it. */
  handOver(socket: Socket): void {
    if (!this.#child.connected) return;
    this.#child.send({ type: 'connection' } satisfies FromPrimary, socket, { keepOpen: true }, () => {});
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
