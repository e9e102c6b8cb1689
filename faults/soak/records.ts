/** The lines of the file that a soak writes, and reading them again. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import type { Run } from '../../bench/results.js';

/** What is measured of a process, of a window of probes, and what happened. `minutes` count from the start. */
export type SoakRecord =
  | { readonly kind: 'run'; readonly run: Run; readonly minutes: number; readonly warmUpMinutes: number }
  | ProcessRecord
  | ProbeRecord
  | { readonly kind: 'fault'; readonly minutes: number; readonly service: string; readonly fault: string }
  | OutcomeRecord
  | { readonly kind: 'end'; readonly minutes: number; readonly service: string; readonly exit: string };

export interface ProcessRecord {
  readonly kind: 'process';
  readonly minutes: number;
  readonly service: string;
  readonly pid: number;
  /** Its number, as in the label of /metrics; `primary`; or `only`. */
  readonly process: string;
  readonly residentMiB: number;
  readonly heapMiB: number | undefined;
  readonly externalMiB: number | undefined;
  readonly descriptors: number;
  readonly threads: number;
}

export interface ProbeRecord {
  readonly kind: 'probe';
  readonly minutes: number;
  readonly service: string;
  readonly probe: string;
  readonly count: number;
  readonly lost: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What became of the requests since the last record of the service. */
export interface OutcomeRecord {
  readonly kind: 'outcomes';
  readonly minutes: number;
  readonly service: string;
  /** Replied as expected. */
  readonly right: number;
  /** Told to come back: 503 overloaded, 504. */
  readonly refused: number;
  /** Neither replied nor closed for a reason: `name: what`, and how often. */
  readonly lost: Readonly<Record<string, number>>;
  /** Replied, but not what was expected. */
  readonly wrong: Readonly<Record<string, number>>;
}

export class RecordFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    writeFileSync(path, '');
  }

  write(record: SoakRecord): void {
    appendFileSync(this.#path, `${JSON.stringify(record)}\n`);
  }
}

/** A line that is still being written is left out. */
export function readRecords(path: string): SoakRecord[] {
  const text = readFileSync(path, 'utf8');
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as SoakRecord);
}
