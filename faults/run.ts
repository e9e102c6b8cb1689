/**
 * `npm run test:faults`: what the service does when it is overloaded, stopped, broken and lied to. The built service
 * runs in a process of its own; every check is printed, and one that fails makes the exit code 1. The full form also
 * leaves its figures in faults/results, from which `npm run test:faults:document` prints docs/operations.md.
 */
import { parseArgs } from 'node:util';
import { describeRun } from '../bench/results.js';
import { asymmetryScenario } from './asymmetry.js';
import { clockScenario } from './clock.js';
import { connectionsScenario } from './connections.js';
import { descriptorsScenario } from './descriptors.js';
import { disconnectsScenario } from './disconnects.js';
import { endingScenario } from './ending.js';
import { greedyClientScenario } from './greedy-client.js';
import { heavyDrawsScenario } from './heavy-draws.js';
import { mutationsScenario } from './mutations.js';
import { nestedArraysScenario } from './nested-arrays.js';
import { newConnectionsScenario } from './new-connections.js';
import { overloadScenario } from './overload.js';
import { pipeliningScenario } from './pipelining.js';
import { plainJsonScenario } from './plain-json.js';
import { processesScenario } from './processes.js';
import { protectionsScenario } from './protections.js';
import { refundsScenario } from './refunds.js';
import { writeFaultResult } from './results.js';
import { Checks, type Options, type Scenario, scenarioNames } from './scenario.js';
import { shutdownScenario } from './shutdown.js';
import { slowClientsScenario } from './slow-clients.js';
import { smallChunksScenario } from './small-chunks.js';
import { figuresMarkdown } from './tables.js';
import { unreadStopScenario } from './unread-stop.js';
import { waitingRepliesScenario } from './waiting-replies.js';
import { workersScenario } from './workers.js';

const help = `npm run test:faults -- [options]

  --only <list>       scenarios, comma-separated: ${scenarioNames.join(', ')}
  --full              the full form, whose figures docs/operations.md has (about 35 minutes); otherwise about 5 minutes
  --seed <n>          of every random choice                                  (default 1)
  --requests <n>      mutated requests                                        (default 20000, full 1000000)
  --number <n>        send this one mutated request, and show it and its reply; needs --only=mutations
  --help`;

const scenarios: readonly Scenario[] = [
  overloadScenario,
  greedyClientScenario,
  newConnectionsScenario,
  heavyDrawsScenario,
  refundsScenario,
  shutdownScenario,
  endingScenario,
  workersScenario,
  processesScenario,
  slowClientsScenario,
  mutationsScenario,
  disconnectsScenario,
  clockScenario,
  descriptorsScenario,
  pipeliningScenario,
  connectionsScenario,
  smallChunksScenario,
  unreadStopScenario,
  waitingRepliesScenario,
  nestedArraysScenario,
  plainJsonScenario,
  asymmetryScenario,
  protectionsScenario,
];

function wholeNumber(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} must be a whole number`);
  return Number(text);
}

/** What is to be run, or undefined when help was asked for. */
function readOptions(): { options: Options; chosen: readonly Scenario[] } | undefined {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      full: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      requests: { type: 'string' },
      number: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const names = values.only?.split(',') ?? [...scenarioNames];
  const unknown = names.find((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown !== undefined) throw new Error(`There is no scenario "${unknown}": ${scenarioNames.join(', ')}`);
  const number = wholeNumber(values.number, 'number');
  if (number !== undefined && names.join() !== 'mutations') throw new Error('--number needs --only=mutations');
  return {
    options: {
      full: values.full,
      seed: wholeNumber(values.seed, 'seed') as number,
      requests: wholeNumber(values.requests, 'requests'),
      number,
    },
    chosen: scenarios.filter(({ name }) => names.includes(name)),
  };
}

/** Whatever a broken service does, the tests end. */
function tooLong({ full }: Options): Promise<never> {
  const minutesMax = full ? 30 : 10;
  return new Promise((_, reject) => {
    const timer = setTimeout(() => reject(new Error(`It took longer than ${minutesMax} minutes`)), minutesMax * 60_000);
    // The limit of a scenario that has ended keeps nothing alive.
    timer.unref();
  });
}

/** Runs one scenario; gives back what failed. */
async function runScenario(scenario: Scenario, options: Options): Promise<readonly string[]> {
  console.log(`\n== ${scenario.title}`);
  const run = describeRun('test:faults');
  const checks = new Checks(options.full);
  const startMs = performance.now();
  try {
    const figures = await Promise.race([scenario.run(options, checks), tooLong(options)]);
    console.log(`\n${figuresMarkdown(figures)}\n`);
    const complete = options.full && options.number === undefined && checks.failures.length === 0;
    if (complete) writeFaultResult(scenario.name, { run, title: scenario.title, checks: checks.passed, figures });
  } catch (error) {
    checks.that(`${scenario.name} came to its end`, false, (error as Error).stack);
  }
  console.log(`${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  return checks.failures.map((failure) => `${scenario.name}: ${failure}`);
}

async function main(): Promise<number> {
  const asked = readOptions();
  if (!asked) {
    console.log(help);
    return 0;
  }
  const failures: string[] = [];
  for (const scenario of asked.chosen) failures.push(...(await runScenario(scenario, asked.options)));
  console.log(failures.length === 0 ? '\nEverything held.' : `\n${failures.length} failed:\n${failures.join('\n')}`);
  return failures.length === 0 ? 0 : 1;
}

// Processes that a failed scenario has left behind would keep this one alive; they end with it.
process.exit(await main());
