/**
 * `npm run bench -- --processes=1,2,4,8`: the service with so many processes behind one port, beside the echo under the
 * same `cluster`. Both are started anew for each measurement and driven in turn. Prints Markdown and writes
 * bench/results/processes.json.
 */
import { type Request, requestName } from './bodies.js';
import { togetherMiB } from './memory.js';
import { processTree } from './process-tree.js';
import { type ProcessesFigures, type ProcessesResult, processesMarkdown } from './processes-tables.js';
import { describeRun, writeResult } from './results.js';
import { settle, startEcho, startService, type Target } from './targets.js';
import { drive, type LoadOptions } from './wrk.js';

export const processesRequests = [
  '1x10 soft',
  '1x10 indices',
  '64x10 soft',
  '64x1000 soft',
  '64x1000 binary',
  '1x1000x300 indices',
];

export interface ProcessesOptions extends LoadOptions {
  readonly requests: readonly Request[];
  readonly rounds: number;
  readonly processes: readonly number[];
  /** Undefined for as many as the service has by default. */
  readonly workers: number | undefined;
}

/** A target that ignores PROCESSES must not be measured as if it had them. */
function assertProcesses({ name, pid }: Target, processes: number): void {
  const count = processTree(pid).length;
  const expected = processes === 1 ? 1 : processes + 1;
  if (count !== expected)
    throw new Error(`The ${name} has ${count} processes, not ${expected} (PROCESSES=${processes})`);
}

const memoryOf = ({ pid }: Target) => togetherMiB(processTree(pid));

type Round = ProcessesFigures['rounds'][number];

async function measureRound({ sent, connections }: Request, processes: number, of: ProcessesOptions): Promise<Round> {
  const { workers } = of;
  const service = await startService({ processes, ...(workers === undefined ? {} : { workers }) });
  const targets = [service];
  try {
    const echo = await startEcho(processes);
    targets.push(echo);
    for (const target of targets) assertProcesses(target, processes);
    const load = { ...of, connections };
    const idleMiB = memoryOf(service);
    const measured = await drive(service, sent, load);
    const loadedMiB = memoryOf(service);
    await settle();
    return {
      workers: Number(/(\d+) workers?\b/.exec(service.announced)?.[1]),
      service: measured,
      echo: await drive(echo, sent, load),
      idleMiB,
      loadedMiB,
    };
  } finally {
    await Promise.all(targets.map((target) => target.stop()));
  }
}

export async function measureProcesses(options: ProcessesOptions): Promise<void> {
  if (process.platform !== 'linux') throw new Error('--processes reads /proc, so it runs on Linux');
  const run = describeRun('bench');
  const measured = options.requests.flatMap((request) =>
    options.processes.map((processes) => ({ request, processes, rounds: [] as Round[] })),
  );
  for (let round = 1; round <= options.rounds; round++) {
    for (const { request, processes, rounds } of measured) {
      rounds.push(await measureRound(request, processes, options));
      console.error(`round ${round} of ${options.rounds}: ${requestName(request.sent)}, ${processes} processes`);
    }
  }
  const figures = measured.map(({ request: { sent, connections }, processes, rounds }) => ({
    request: requestName(sent),
    connections,
    processes,
    rounds,
  }));
  const { rounds, seconds, warmUpSeconds, threads } = options;
  const result: ProcessesResult = { run, options: { rounds, seconds, warmUpSeconds, threads }, figures };
  console.log(processesMarkdown(result));
  writeResult('processes', result);
}
