/**
 * `npm run test:flakiness`: the built suite, or the fault tests, again and again, beside threads that never wait. A
 * test that fails in any run depends on time or order, and is to be fixed. The exit code is 1 if anything failed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { table } from '../../bench/results.js';
import { positiveInteger, runSuite, startBusyThreads } from '../support/suite.js';

const help = `npm run test:flakiness -- [options]

  --times <n>     how often                              (default 10)
  --busy <n>      threads that never wait                (default 3)
  --jobs <n>      files that run at a time               (default 2)
  --files <list>  paths such as dist/test/server.test.js (default all)
  --faults        the fault tests, in their short form, instead of the suite
  --help`;

const { values } = parseArgs({
  options: {
    times: { type: 'string', default: '10' },
    busy: { type: 'string', default: '3' },
    jobs: { type: 'string', default: '2' },
    files: { type: 'string' },
    faults: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

interface Failed {
  /** A file of tests, or a scenario of the fault tests. */
  readonly where: string;
  /** What failed there; nothing if it did not come to its end. */
  readonly tests: readonly string[];
}

async function suite(): Promise<readonly Failed[]> {
  const files = values.files?.split(',') ?? [];
  const { wrong } = await runSuite(files, { jobs: positiveInteger(values.jobs, '--jobs') });
  return wrong.map(({ file, failed }) => ({ where: file, tests: failed }));
}

const faultTests = fileURLToPath(new URL('../../faults/run.js', import.meta.url));

/** The fault tests, of which scenarios and failures are printed. */
async function faults(): Promise<readonly Failed[]> {
  const child = spawn(process.execPath, [faultTests], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  const kill = () => child.kill();
  process.once('exit', kill);
  const failed: Failed[] = [];
  let scenario = '';
  for await (const line of createInterface({ input: child.stdout })) {
    const [, title] = /^== (.*)/.exec(line) ?? [];
    const [, check] = /^ {2}FAILED {2}(.*)/.exec(line) ?? [];
    if (title !== undefined) scenario = title;
    if (check !== undefined) failed.push({ where: scenario, tests: [check] });
    if (title !== undefined || check !== undefined) console.log(line);
  }
  const [code] = await exit;
  process.removeListener('exit', kill);
  if (code !== 0 && failed.length === 0) failed.push({ where: scenario, tests: [] });
  return failed;
}

/** A row for each place where anything ever failed: the tests that did, by run. */
function failuresTable(runs: readonly (readonly Failed[])[]): string {
  const places = [...new Set(runs.flat().map(({ where }) => where))].sort();
  const cell = (run: readonly Failed[], place: string) => {
    const here = run.filter(({ where }) => where === place);
    return here.length === 0 ? '-' : here.flatMap(({ tests }) => tests).join('; ') || 'it did not end';
  };
  return table(
    ['where', ...runs.map((_, index) => `run ${index + 1}`)],
    places.map((place) => [place, ...runs.map((run) => cell(run, place))]),
  );
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(help);
    return 0;
  }
  const times = positiveInteger(values.times, '--times');
  startBusyThreads(values.busy);
  const runs: (readonly Failed[])[] = [];
  while (runs.length < times) {
    console.log(`\n== run ${runs.length + 1} of ${times}`);
    const startMs = performance.now();
    const failed = await (values.faults ? faults() : suite());
    const seconds = (performance.now() - startMs) / 1000;
    console.log(`${failed.length === 0 ? 'right' : 'wrong'}, ${seconds.toFixed(0)} s`);
    runs.push(failed);
  }
  const right = runs.filter((failed) => failed.length === 0).length;
  if (right < times) console.log(`\n${failuresTable(runs)}`);
  console.log(`\n${right} of ${times} runs were right.`);
  return right === times ? 0 : 1;
}

process.exit(await main());
