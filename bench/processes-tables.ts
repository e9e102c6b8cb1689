/** The results of `npm run bench -- --processes=...` and how they read as Markdown. processes.ts measures them. */
import { figure, type Run, runLines, table } from './results.js';
import { median, medianOf } from './statistics.js';
import type { Measured } from './wrk.js';

/** What was measured of a request with one number of processes. */
export interface ProcessesFigures {
  readonly request: string;
  readonly connections: number;
  readonly processes: number;
  readonly rounds: readonly {
    /** Of all processes together. */
    readonly workers: number;
    readonly service: Measured;
    readonly echo: Measured;
    /** Of all processes together, before the load and after it. */
    readonly idleMiB: number;
    readonly loadedMiB: number;
  }[];
}

export interface ProcessesResult {
  readonly run: Run;
  readonly options: {
    readonly rounds: number;
    readonly seconds: number;
    readonly warmUpSeconds: number;
    readonly threads: number;
  };
  readonly figures: readonly ProcessesFigures[];
}

const headers = [
  'request',
  'processes',
  'workers',
  'CPU us',
  'echo CPU us',
  'req/s',
  'x one',
  'efficiency',
  'x echo',
  'p50 ms',
  'p99 ms',
  'idle MiB',
  'loaded MiB',
  'client',
];

/** The same request with one process, or undefined where that was not measured. */
function rateOfOne({ request }: ProcessesFigures, all: readonly ProcessesFigures[]): number | undefined {
  const one = all.find((figures) => figures.request === request && figures.processes === 1);
  return one && medianOf(one.rounds, ({ service }) => service.requestsPerSecond);
}

function row(figures: ProcessesFigures, all: readonly ProcessesFigures[]): string[] {
  const { request, connections, processes, rounds } = figures;
  const rate = medianOf(rounds, ({ service }) => service.requestsPerSecond);
  const one = rateOfOne(figures, all);
  return [
    `${request}, ${connections} connections`,
    String(processes),
    String(median(rounds.map(({ workers }) => workers))),
    figure(medianOf(rounds, ({ service }) => service.cpuUs)),
    figure(medianOf(rounds, ({ echo }) => echo.cpuUs)),
    figure(rate),
    one === undefined ? '-' : (rate / one).toFixed(2),
    one === undefined ? '-' : (rate / one / processes).toFixed(2),
    medianOf(rounds, ({ service, echo }) => service.requestsPerSecond / echo.requestsPerSecond).toFixed(2),
    figure(medianOf(rounds, ({ service }) => service.p50Ms)),
    figure(medianOf(rounds, ({ service }) => service.p99Ms)),
    figure(medianOf(rounds, ({ idleMiB }) => idleMiB)),
    figure(medianOf(rounds, ({ loadedMiB }) => loadedMiB)),
    medianOf(rounds, ({ service }) => service.clientCores).toFixed(2),
  ];
}

export function processesMarkdown({ run, options, figures }: ProcessesResult): string {
  const { rounds, seconds, warmUpSeconds, threads } = options;
  const client = `wrk with ${threads} thread${threads === 1 ? '' : 's'} on the same machine`;
  return [
    `${runLines(run)}\n${rounds} rounds of ${seconds} s after ${warmUpSeconds} s of warm-up, ${client}.`,
    table(
      headers,
      figures.map((each) => row(each, figures)),
    ),
  ].join('\n\n');
}
