/**
 * Runs some simulations in a process of its own, one after the other: they share the clock and the module state of the
 * service. shards.ts starts it. With --trace it prints the event log of each.
 */
import { register } from 'node:module';
import { parseArgs } from 'node:util';
import type { Figures } from './simulate.js';

/** What a shard reports at its end. Before, it sends the seed that it has come to. */
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
    'until-failure': { type: 'boolean', default: false },
  },
});

// Before the service is loaded.
if (values.bug !== undefined) register('./bug-loader.js', import.meta.url, { data: { bug: values.bug } });
const { replacePlatform, simulate } = await import('./simulate.js');
replacePlatform();

const progressEvery = 50;

const from = Number(values.from);
const seeds = Number(values.seeds);
const failures: { seed: number; failure: string }[] = [];
const figures = { draws: 0, drawn: 0, batches: 0, losses: 0, virtualMs: 0 };
let seed = from;
for (; seed < from + seeds && !(values['until-failure'] && failures.length > 0); seed++) {
  if (seed % progressEvery === 0) process.send?.(seed);
  const { failure, trace, figures: own } = await simulate(seed, values.trace);
  if (values.trace) console.log(trace.join('\n'));
  if (failure !== undefined) failures.push({ seed, failure });
  for (const name of Object.keys(figures) as (keyof Figures)[]) figures[name] += own[name];
}
process.send?.({ seeds: seed - from, failures, figures } satisfies ShardReport);
if (process.send) process.disconnect();
