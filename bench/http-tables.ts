/** The results of `npm run bench` and how they read as Markdown. How they are measured is left to http.ts. */
import type { FreedomResult } from './freedom.js';
import { figure, type Run, runLines, table } from './results.js';
import { medianOf } from './statistics.js';
import type { TargetName } from './targets.js';
import type { Measured } from './wrk.js';

/** What was measured of one request and one target. */
export interface HttpFigures {
  readonly target: TargetName;
  readonly request: string;
  readonly connections: number;
  /** Rows x samples of one request. */
  readonly draws: number;
  readonly rounds: readonly Measured[];
}

export interface HttpResult {
  readonly run: Run;
  readonly options: { readonly rounds: number; readonly seconds: number; readonly warmUpSeconds: number };
  /** Versions of the FastAPI peer's packages, or why it was left out. */
  readonly fastapi: Readonly<Record<string, string>> | { readonly missing: string };
  readonly figures: readonly HttpFigures[];
  readonly freedom: readonly FreedomResult[];
}

/** What another target took for the same request over as many connections. */
export function besideOf(
  { request, connections }: HttpFigures,
  target: TargetName,
  all: readonly HttpFigures[],
): HttpFigures | undefined {
  return all.find((each) => each.target === target && each.request === request && each.connections === connections);
}

type Quantity = (measured: Measured) => number | undefined;
const cpu: Quantity = ({ cpuUs }) => cpuUs;
const rate: Quantity = ({ requestsPerSecond }) => requestsPerSecond;
const p50: Quantity = ({ p50Ms }) => p50Ms;

/** A quantity of one target by that of another, each within a round. NaN where one was not measured. */
function ratios(of: HttpFigures, to: HttpFigures | undefined, quantity: Quantity): number[] {
  return of.rounds.map(
    (round, index) => (quantity(round) ?? Number.NaN) / ((to && quantity(to.rounds[index])) ?? Number.NaN),
  );
}

function ratio(of: HttpFigures, to: HttpFigures | undefined, quantity: Quantity): string {
  const value = medianOf(ratios(of, to, quantity), (each) => each);
  return Number.isNaN(value) ? '-' : value.toFixed(2);
}

function span(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(2)} .. ${Math.max(...values).toFixed(2)}`;
}

const headers = [
  'request',
  'target',
  'CPU us',
  'x echo',
  'req/s',
  'x echo',
  'min .. max',
  'p50 ms',
  'x echo',
  'p99 ms',
  'client',
];

function figureRow(figures: HttpFigures, all: readonly HttpFigures[]): string[] {
  const { request, connections, target, rounds } = figures;
  const echo = besideOf(figures, 'echo', all);
  return [
    `${request}, ${connections} connection${connections === 1 ? '' : 's'}`,
    target,
    figure(medianOf(rounds, cpu)),
    ratio(figures, echo, cpu),
    figure(medianOf(rounds, rate)),
    ratio(figures, echo, rate),
    target === 'echo' ? '-' : span(ratios(figures, echo, rate)),
    figure(medianOf(rounds, p50)),
    ratio(figures, echo, p50),
    figure(medianOf(rounds, ({ p99Ms }) => p99Ms)),
    medianOf(rounds, ({ clientCores }) => clientCores).toFixed(2),
  ];
}

const peers: readonly TargetName[] = ['fastapi', 'fastapi-tuned'];

/** How many times the CPU time of the service a peer takes, and how many times its rate the service answers. */
function peerTable(all: readonly HttpFigures[]): string {
  const rows = all
    .filter((figures) => figures.target === 'service' && besideOf(figures, 'fastapi', all))
    .map((service) => [
      `${service.request}, ${service.connections} connection${service.connections === 1 ? '' : 's'}`,
      ...peers.flatMap((name) => {
        const peer = besideOf(service, name, all) as HttpFigures;
        return [ratio(peer, service, cpu), ratio(service, peer, rate)];
      }),
    ]);
  return table(['request', ...peers.flatMap((peer) => [`CPU of ${peer}`, `rate beside ${peer}`])], rows);
}

function loadText({ load }: FreedomResult): string {
  if (load === undefined) return '-';
  if ('drawMs' in load) return `draw ${figure(load.drawMs)} ms`;
  return `${figure(load.requestsPerSecond)} req/s${load.cpuUs === undefined ? '' : `, ${figure(load.cpuUs)} us`}`;
}

function freedomTable(results: readonly FreedomResult[]): string {
  const rows = results.map((row) => [
    row.probe,
    row.beside,
    String(row.probes),
    figure(row.p50Ms),
    figure(row.p99Ms),
    figure(row.maxMs),
    loadText(row),
  ]);
  return table(['request', 'beside', 'count', 'p50 ms', 'p99 ms', 'max ms', 'load'], rows, 2);
}

export function httpMarkdown({ run, options, fastapi, figures, freedom }: HttpResult): string {
  const peer = 'missing' in fastapi ? `The FastAPI peer was left out: ${fastapi.missing}.` : peerTable(figures);
  const versions = 'missing' in fastapi ? [] : Object.entries(fastapi).map(([name, version]) => `${name} ${version}`);
  const { rounds, seconds, warmUpSeconds } = options;
  const method = `${rounds} rounds of ${seconds} s after ${warmUpSeconds} s of warm-up, one process, one worker.`;
  const unmeasured = run.system.startsWith('linux')
    ? []
    : [`CPU time is measured on Linux only, not on ${run.system}.`];
  return [
    [runLines(run, versions), method, ...unmeasured].join('\n'),
    table(
      headers,
      figures.map((each) => figureRow(each, figures)),
      2,
    ),
    peer,
    ...(freedom.length > 0 ? [freedomTable(freedom)] : []),
  ].join('\n\n');
}
