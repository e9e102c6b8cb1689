/**
 * `npm run test:fuzz`: fuzzes JSON bodies, binary tensors and the HTTP edge (docs/testing.md).
 *
 * --target=T          json, tensors or http; all of them when absent
 * --executions=N      of each target
 * --seed=S            another run
 * --replay=FILE       runs the input of a finding; needs --target
 * --bugs              plants one bug after the other, and prints after how many executions each is found
 * --without-corpus    begins with the seeds of the target alone
 * --write-corpus      writes test/fuzz/corpus anew: what together runs all that was run
 */
import { parseArgs } from 'node:util';
import { bugs } from './bugs.js';
import { runShard } from './shards.js';
import { isTargetName, type TargetName, targetNames } from './targets.js';

/** About a minute on two CPUs. */
const executionsByTarget: Readonly<Record<TargetName, number>> = { json: 100_000, tensors: 100_000, http: 500 };

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    executions: { type: 'string' },
    seed: { type: 'string', default: '1' },
    replay: { type: 'string' },
    bugs: { type: 'boolean', default: false },
    'without-corpus': { type: 'boolean', default: false },
    'write-corpus': { type: 'boolean', default: false },
  },
});
const { target, executions, seed, replay } = values;
if (target !== undefined && !isTargetName(target))
  throw new Error(`There is no target ${target}: ${targetNames.join(', ')}.`);
if (replay !== undefined && target === undefined) throw new Error('Name the target of the input: --target=json.');

const flags = [
  ...(replay === undefined ? [] : [`--replay=${replay}`]),
  ...(values['without-corpus'] ? ['--without-corpus'] : []),
  ...(values['write-corpus'] ? ['--write-corpus'] : []),
];

async function runAll(): Promise<boolean> {
  const names: readonly TargetName[] = isTargetName(target) ? [target] : targetNames;
  const reports = await Promise.all(
    names.map((name) =>
      runShard(name, [`--executions=${executions ?? executionsByTarget[name]}`, `--seed=${seed}`, ...flags]),
    ),
  );
  return reports.every(({ code }) => code === 0);
}

async function runBugs(): Promise<boolean> {
  console.log('| bug | target | found after executions | by |\n|---|---|---:|---|');
  let areFound = true;
  for (const { name, target: its } of bugs) {
    const limit = `--executions=${executions ?? executionsByTarget[its]}`;
    const { failures } = await runShard(
      its,
      [limit, `--seed=${seed}`, '--failures=1', `--bug=${name}`, ...flags],
      'silent',
    );
    const [first] = failures;
    areFound &&= first !== undefined;
    console.log(`| ${name} | ${its} | ${first?.execution ?? '-'} | ${first?.message.slice(0, 120) ?? '-'} |`);
  }
  return areFound;
}

process.exitCode = (await (values.bugs ? runBugs() : runAll())) ? 0 : 1;
