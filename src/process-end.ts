/**
 * The one way in which this process ends by itself. Ending is entered once, whoever asks first decides the exit code,
 * and nothing that happens from then on starts it again: it writes the rest of the log, within a second, and exits.
 */
import type { Log } from './observability/log.js';

/**
 * Ends the process now, whatever its threads do. `process.exit` ends or waits for them first: ONNX Runtime aborts the
 * process when that happens in the middle of its work, and a thread that hangs in a read is waited for without end.
 * Replacing the program ends them without their noticing, but Node.js can do that only from 22.15 on; before, a process
 * that must not exit kills itself, and where it cannot (process 1 of a container ignores its own signals) it aborts.
 */
function exitNow(code: number, holdsThreads: boolean): never {
  const { execve } = process as { execve?: (file: string, args: string[], environment: object) => never };
  if (!holdsThreads) {
    try {
      process.exit(code);
    } finally {
      // A listener of `exit` has thrown. They are not asked a second time.
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

  /** @param holdsThreads whether a thread may be where it must not be ended, or cannot; asked at the very end */
  constructor(holdsThreads: () => boolean) {
    this.#holdsThreads = holdsThreads;
  }

  /** The log whose last lines are to be written. */
  set log(log: Log) {
    this.#log = log;
  }

  get begun(): boolean {
    return this.#begun;
  }

  /** Ends the process with this code, unless it ends already. */
  begin(code: number): void {
    if (this.#begun) return;
    this.#begun = true;
    void this.#end(code);
  }

  async #end(code: number): Promise<never> {
    try {
      await this.#log?.close();
    } finally {
      // Also where closing failed, which is then of no interest any more.
      exitNow(code, this.#holdsThreads());
    }
  }
}
