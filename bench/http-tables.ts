/** The results of `npm run bench` and how they read as Markdown. How they are measured is left to http.ts. */
import type { Shape, Wanted } from './bodies.js';
import { shapeName } from './bodies.js';
import type { FreedomResult } from './freedom.js';
import type { Connections } from './load.js';
import { figure, type Run, runLines, table } from './results.js';
import { median } from './statistics.js';
import type { TargetName } from './targets.js';

export interface HttpFigures {
  readonly target: TargetName;
  readonly shape: Shape;
  readonly wanted: Wanted;
  /** One entry a round. */
  readonly requestsPerSecond: readonly number[];
  /** This target's requests per second by the echo's of the same round. */
  readonly ratioToEcho: readonly number[];
  /** Over all rounds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Medians over the rounds. */
  readonly cpuMsPerRequest: number | undefined;
  readonly clientCpuShare: number;
}

export interface HttpResult {
  readonly run: Run;
  readonly options: Connections & {
    readonly rounds: number;
    readonly seconds: number;
    readonly warmUpSeconds: number;
  };
  /** Versions of the FastAPI peer's packages, or why it was left out. */
  readonly fastapi: Readonly<Record<string, string>> | { readonly missing: string };
  readonly figures: readonly HttpFigures[];
  readonly freedom: readonly FreedomResult[];
}

function span(values: readonly number[]): string {
  return `${figure(Math.min(...values))} .. ${figure(Math.max(...values))}`;
}

function spanOfRatios(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(2)} .. ${Math.max(...values).toFixed(2)}`;
}

function figureRow(row: HttpFigures): string[] {
  return [
    `${shapeName(row.shape)} ${row.wanted}`,
    row.target,
    figure(median(row.requestsPerSecond)),
    span(row.requestsPerSecond),
    median(row.ratioToEcho).toFixed(2),
    row.target === 'echo' ? '-' : spanOfRatios(row.ratioToEcho),
    figure(row.p50Ms),
    figure(row.p99Ms),
    row.cpuMsPerRequest === undefined ? '-' : figure(row.cpuMsPerRequest),
    row.clientCpuShare.toFixed(2),
  ];
}

function throughputTable(figures: readonly HttpFigures[]): string {
  const rates = ['req/s', 'min .. max', 'x echo', 'min .. max'];
  const headers = ['request', 'target', ...rates, 'p50 ms', 'p99 ms', 'CPU ms', 'client CPU'];
  return table(headers, figures.map(figureRow), 2);
}

const peers: readonly TargetName[] = ['fastapi', 'fastapi-tuned'];

/** How many times the requests per second of each peer the service answers, the median of the rounds. */
function peerTable(figures: readonly HttpFigures[]): string {
  const rows = figures
    .filter(({ target, wanted }) => target === 'service' && wanted !== 'binary')
    .map((service) => {
      const name = `${shapeName(service.shape)} ${service.wanted}`;
      return [name, ...peers.map((peer) => ratioTo(service, peer, figures))];
    });
  return table(['service by', ...peers], rows);
}

function ratioTo(service: HttpFigures, name: TargetName, figures: readonly HttpFigures[]): string {
  const peer = figures.find(
    ({ target, shape, wanted }) =>
      target === name && shapeName(shape) === shapeName(service.shape) && wanted === service.wanted,
  );
  if (!peer) return '-';
  return median(service.requestsPerSecond.map((rate, round) => rate / peer.requestsPerSecond[round])).toFixed(1);
}

function loadText({ load }: FreedomResult): string {
  if (load === undefined) return '-';
  return 'drawMs' in load ? `draw ${figure(load.drawMs)} ms` : `${figure(load.requestsPerSecond)} req/s`;
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
  const { rounds, seconds, warmUpSeconds, connections, fewConnections } = options;
  const clients = `${connections} connections, ${fewConnections} where requests are large`;
  const method = `${rounds} rounds of ${seconds} s after ${warmUpSeconds} s of warm-up, ${clients}, one worker.`;
  return [
    `${runLines(run, versions)}\n${method}`,
    throughputTable(figures),
    peer,
    ...(freedom.length > 0 ? [freedomTable(freedom)] : []),
  ].join('\n\n');
}
