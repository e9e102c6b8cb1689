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
  'main thread us',
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
    figure(medianOf(rounds, ({ service }) => service.mainThreadUs)),
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

/** The machine that the bounds are for, and the number of processes it starts by default. */
const large = { cores: 16, processes: 8 };

/**
 * The most requests a second that CPU time allows on a large machine, from CPU time measured with so many processes: no
 * main thread takes more than a core, and all cores together serve the target and its client.
 */
function boundOf({ rounds }: ProcessesFigures, processes: number): number {
  const mainThreadUs = medianOf(rounds, ({ service }) => service.mainThreadUs);
  const cpuUs = medianOf(rounds, ({ service }) => service.cpuUs);
  const clientUs = medianOf(
    rounds,
    ({ service: { clientCores = 0, requestsPerSecond } }) => (1e6 * clientCores) / requestsPerSecond,
  );
  return 1e6 * Math.min(processes / mainThreadUs, large.cores / (cpuUs + clientUs));
}

function boundRow(two: ProcessesFigures, all: readonly ProcessesFigures[]): string[] {
  const one = all.find(({ request, processes }) => request === two.request && processes === 1);
  if (one === undefined) return [];
  const [bound, boundOfOne] = [boundOf(two, large.processes), boundOf(one, 1)];
  return [two.request, figure(boundOfOne), figure(bound), (bound / boundOfOne).toFixed(1)];
}

/** What CPU time allows on a large machine; empty unless one and two processes were measured. */
function bounds(all: readonly ProcessesFigures[]): string[] {
  const rows = all.filter(({ processes }) => processes === 2).map((two) => boundRow(two, all));
  if (rows.length === 0 || rows.some(({ length }) => length === 0)) return [];
  return [
    `What this CPU time allows on ${large.cores} cores, requests a second, client included:`,
    table(['request', '1 process', `${large.processes} processes`, 'x'], rows),
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
    ...bounds(figures),
  ].join('\n\n');
}
