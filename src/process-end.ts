/**
 * The one way in which this process ends itself: it writes the rest of the log, within a second, and exits. The first
 * call decides the exit code; later calls do nothing.
 */
import type { Log } from './observability/log.js';

/**
 * Ends the process now, whatever its threads do. `process.exit` terminates threads, and ONNX Runtime aborts the process
 * when that happens inside a run (https://github.com/daintreehq/daintree/issues/12577). It also waits for a thread that
 * hangs in a read. `execve` replaces the program without either, but exists only from Node.js 22.15 on
 * (https://github.com/nodejs/node/pull/56496). Older versions send SIGKILL to the process itself; process 1 of a
 * container ignores that, and aborts. Can go when ONNX Runtime's binding survives the termination of its thread.
 */
function exitNow(code: number, holdsThreads: boolean): never {
  const { execve } = process as { execve?: (file: string, args: string[], environment: object) => never };
  if (!holdsThreads) {
    try {
      process.exit(code);
    } finally {
      // A listener of `exit` threw. Node does not call the listeners a second time.
      process.exit(code);
    }
  }
  if (execve) execve(process.execPath, [process.execPath, '-e', `process.exit(${code})`], {});
  process.kill(process.pid, 'SIGKILL');
  process.abort();
}

export class ProcessEnd {
  readonly #holdsThreads: () => boolean;
  #log: Log | undefined;
  #begun = false;

  /** @param holdsThreads whether terminating a thread could abort or hang the process; called just before the exit */
  constructor(holdsThreads: () => boolean) {
    this.#holdsThreads = holdsThreads;
  }

  /** The log to flush before the exit. */
  set log(log: Log) {
    this.#log = log;
  }

  get begun(): boolean {
    return this.#begun;
  }

  /** Ends the process with this code, unless it is already ending. */
  begin(code: number): void {
    if (this.#begun) return;
    this.#begun = true;
    void this.#end(code);
  }

  async #end(code: number): Promise<never> {
    try {
      await this.#log?.close();
    } finally {
      // Exits even when closing the log failed.
      exitNow(code, this.#holdsThreads());
    }
  }
}
