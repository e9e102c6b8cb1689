/** Runs many simulations in several processes. */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { ShardReport } from './shard.js';

const shard = fileURLToPath(new URL('./shard.js', import.meta.url));

/** A process runs no more, so that its memory does not grow. */
const seedsPerShardMax = 20_000;

/** A simulation takes milliseconds. One that says nothing for so long never ends, also on a machine that is busy. */
const silenceMsMax = 600_000;

/** The command that shows the event log of a simulation. */
export function replayCommand(seed: number): string {
  return `npm run test:simulation -- --seed=${seed}`;
}

export interface Seeds {
  readonly from: number;
  readonly seeds: number;
  /** The name of a bug to plant (bugs.ts). */
  readonly bug?: string;
  /** Whether each process ends at its first failure. */
  readonly untilFailure?: boolean;
}

/** Runs the simulations of all seeds, as many at once as there are processors. */
export async function runShards(all: readonly Seeds[], progress: (done: number) => void = () => {}) {
  const reports: ShardReport[][] = all.map(() => []);
  const waiting = all.flatMap(({ from, seeds, ...more }, index) => {
    const size = Math.min(seedsPerShardMax, Math.ceil(seeds / (all.length > 1 ? 1 : availableParallelism())));
    return Array.from({ length: Math.ceil(seeds / size) }, (_, each) => ({
      index,
      from: from + each * size,
      seeds: Math.min(size, seeds - each * size),
      ...more,
    }));
  });
  let done = 0;
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      reports[next.index].push(await runShard(next));
      done += next.seeds;
      progress(done);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return reports.map(joined);
}

/** Runs one process. What it does not report is a failure: it has ended too early, or never. */
function runShard({ from, seeds, bug, untilFailure }: Seeds): Promise<ShardReport> {
  const args = [`--from=${from}`, `--seeds=${seeds}`];
  if (bug !== undefined) args.push(`--bug=${bug}`);
  if (untilFailure) args.push('--until-failure');
  return new Promise((resolve) => {
    // With a bug in it a file has other offsets, and lines of the real one would count as not covered.
    const unmeasured = bug === undefined ? {} : { NODE_V8_COVERAGE: '' };
    const child = fork(shard, args, { env: { ...process.env, ...unmeasured }, execArgv: [] });
    let reached = from;
    let report: ShardReport | undefined;
    const kill = () => child.kill('SIGKILL');
    let silence = setTimeout(kill, silenceMsMax);
    child.on('message', (message: number | ShardReport) => {
      clearTimeout(silence);
      silence = setTimeout(kill, silenceMsMax);
      if (typeof message === 'number') reached = message;
      else report = message;
    });
    child.on('exit', (code, signal) => {
      clearTimeout(silence);
      const failure = signal === null ? `the simulation ended with exit code ${code}` : 'an event never ends';
      const figures = { draws: 0, drawn: 0, batches: 0, losses: 0, virtualMs: 0 };
      resolve(report ?? { seeds: reached + 1 - from, failures: [{ seed: reached, failure }], figures });
    });
  });
}

function joined(reports: readonly ShardReport[]): ShardReport {
  return reports.reduce((sum, { seeds, failures, figures }) => ({
    seeds: sum.seeds + seeds,
    failures: [...sum.failures, ...failures].sort((a, b) => a.seed - b.seed),
    figures: {
      draws: sum.figures.draws + figures.draws,
      drawn: sum.figures.drawn + figures.drawn,
      batches: sum.figures.batches + figures.batches,
      losses: sum.figures.losses + figures.losses,
      virtualMs: sum.figures.virtualMs + figures.virtualMs,
    },
  }));
}
