/** Runs some simulations in a process of its own, for run.ts: --from=S --seeds=N, and one that shows its event log. */
import { register } from 'node:module';
import { parseArgs } from 'node:util';
import type { Figures } from './simulate.js';

/** What a shard reports. */
export interface ShardReport {
  readonly seeds: number;
  readonly failures: readonly { readonly seed: number; readonly failure: string }[];
  readonly figures: Figures;
}

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    bug: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});

// Before the service is loaded.
if (values.bug !== undefined) register('./bug-loader.js', import.meta.url, { data: { bug: values.bug } });
const { replacePlatform, simulate } = await import('./simulate.js');
replacePlatform();

/** Failures that are reported; those beyond are counted. */
const failuresMax = 10_000;

const from = Number(values.from);
const seeds = Number(values.seeds);
const failures: { seed: number; failure: string }[] = [];
const figures = { draws: 0, drawn: 0, batches: 0, losses: 0, virtualMs: 0 };
for (let seed = from; seed < from + seeds; seed++) {
  const { failure, trace, figures: own } = await simulate(seed, values.trace);
  if (values.trace) console.log(trace.join('\n'));
  if (failure !== undefined && failures.length < failuresMax) failures.push({ seed, failure });
  for (const name of Object.keys(figures) as (keyof Figures)[]) figures[name] += own[name];
}
const report: ShardReport = { seeds, failures, figures };
if (process.send) process.send(report, () => process.exit());
else console.log(report);
