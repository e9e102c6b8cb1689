/**
 * The thread that sends spans to the collector: packing them takes about as long as recording them, and would
 * delay requests (`npm run bench:tracing`).
 */
import { Worker } from 'node:worker_threads';
import type { TracingConfig } from '../../../tracing-options.js';
import type { EndedSpan } from '../span.js';
import type { Exporter } from './span-export.js';

export interface ExportSettings {
  readonly config: TracingConfig;
  /** The attributes of the resource: what made the spans. */
  readonly resource: Readonly<Record<string, string | number>>;
  /** Version of this build. */
  readonly version: string;
}

export interface ToExportThread {
  readonly id: number;
  readonly spans: readonly EndedSpan[];
}

/** The reason is undefined if the collector has taken the spans. */
export interface FromExportThread {
  readonly id: number;
  readonly reason: string | undefined;
}

/** Why spans are dropped that are not exported when the process stops. */
const stops = 'the process stops';

interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class ExportThread implements Exporter {
  readonly #settings: ExportSettings;
  readonly #url: URL;
  #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #exports = 0;
  #hasEnded = false;
  #isClosed = false;

  /** Starts the thread. @param url its entry */
  constructor(settings: ExportSettings, url = new URL('./export-worker.js', import.meta.url)) {
    this.#settings = settings;
    this.#url = url;
    this.#worker = this.#start();
  }

  export(spans: readonly EndedSpan[]): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Error(stops));
    if (this.#hasEnded) this.#worker = this.#start();
    const id = this.#exports++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, spans } satisfies ToExportThread);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#worker.terminate();
  }

  #start(): Worker {
    this.#hasEnded = false;
    const worker = new Worker(this.#url, { workerData: this.#settings });
    let cause = 'it ended without an error message';
    worker.on('message', ({ id, reason }: FromExportThread) => {
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      if (reason === undefined) pending?.resolve();
      else pending?.reject(new Error(reason));
    });
    worker.on('error', (error: unknown) => {
      cause = error instanceof Error ? error.message : String(error);
    });
    // The next export starts another.
    worker.on('exit', () => {
      this.#hasEnded = true;
      const error = new Error(this.#isClosed ? stops : `the thread that exports was lost: ${cause}`);
      for (const pending of this.#pending.values()) pending.reject(error);
      this.#pending.clear();
    });
    // It keeps no process alive.
    worker.unref();
    return worker;
  }
}
