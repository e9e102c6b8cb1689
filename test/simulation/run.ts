/**
 * `npm run test:simulation`: simulates the service on virtual time, a simulation for each seed (docs/testing.md).
 *
 * --seeds=N --from=S   N simulations, from seed S on
 * --seed=S             one simulation, with its event log
 * --bugs               plants one bug after the other, and prints in how many simulations each is found
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bugs } from './bugs.js';
import { replayCommand, runShards } from './shards.js';

/** Failing seeds that are printed. */
const shownMax = 10;

async function run(from: number, seeds: number): Promise<boolean> {
  const startMs = performance.now();
  const progress = (done: number) => {
    if (process.stderr.isTTY) process.stderr.write(`${done} of ${seeds}\r`);
  };
  const [{ failures, figures }] = await runShards([{ from, seeds }], progress);
  for (const { seed, failure } of failures.slice(0, shownMax)) {
    console.log(`seed ${seed}: ${failure}\n  ${replayCommand(seed)}`);
  }
  const { draws, drawn, batches, losses, virtualMs } = figures;
  const seconds = Math.round((performance.now() - startMs) / 1000);
  const count = (value: number) => Math.round(value).toLocaleString('en');
  console.log(
    `${count(seeds)} simulations from seed ${from} in ${seconds} s: ${failures.length} failed. ` +
      `${count(draws)} draws, ${count(drawn)} of them drawn, in ${count(batches)} batches; ` +
      `${count(losses)} workers lost; ${count(virtualMs / 1000)} s of virtual time.`,
  );
  return failures.length === 0;
}

async function runBugs(from: number, seeds: number): Promise<boolean> {
  const found = await runShards(bugs.map(({ name }) => ({ from, seeds, bug: name })));
  console.log(`| bug | found in, of ${seeds} | first at seed | by |\n|---|---:|---:|---|`);
  for (const [index, { failures, seeds: ran }] of found.entries()) {
    const [first] = failures;
    const count = ran === seeds ? failures.length : `${failures.length}, of ${ran}`;
    console.log(`| ${bugs[index].name} | ${count} | ${first?.seed ?? '-'} | ${first?.failure.split('\n')[0] ?? '-'} |`);
  }
  // A process that fails at its start has not found anything.
  return found.every(({ failures: [first] }) => first !== undefined && !/exit code/.test(first.failure));
}

/** Prints the event log of one simulation. */
async function replay(seed: string, bug: string | undefined): Promise<boolean> {
  const shard = fileURLToPath(new URL('./shard.js', import.meta.url));
  const child = fork(shard, [`--from=${seed}`, '--trace', ...(bug === undefined ? [] : [`--bug=${bug}`])]);
  let failed = true;
  child.on('message', (message) => {
    if (typeof message === 'number') return;
    const { failures } = message as { failures: { failure: string }[] };
    failed = failures.length > 0;
    console.log(failed ? `seed ${seed} failed: ${failures[0].failure}` : `seed ${seed}: all held`);
  });
  await once(child, 'exit');
  return !failed;
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    bugs: { type: 'boolean', default: false },
    bug: { type: 'string' },
  },
});
const from = Number(values.from);
let held: boolean;
if (values.seed !== undefined) held = await replay(values.seed, values.bug);
else if (values.bugs) held = await runBugs(from, Number(values.seeds ?? 1000));
else held = await run(from, Number(values.seeds ?? 10_000));
process.exitCode = held ? 0 : 1;
