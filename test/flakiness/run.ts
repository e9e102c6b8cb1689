/**
 * `npm run test:flakiness`: the built suite again and again, beside threads that never wait. A test that fails in
 * any run depends on time or order, and is to be fixed. The exit code is 1 if anything failed.
 */
import { parseArgs } from 'node:util';
import { table } from '../../bench/results.js';
import { positiveInteger, runSuite, type SuiteRun, startBusyThreads } from '../support/suite.js';

const help = `npm run test:flakiness -- [options]

  --times <n>     how often                              (default 10)
  --busy <n>      threads that never wait                (default 3)
  --jobs <n>      files that run at a time               (default 2)
  --files <list>  paths such as dist/test/server.test.js (default all)
  --help`;

const { values } = parseArgs({
  options: {
    times: { type: 'string', default: '10' },
    busy: { type: 'string', default: '3' },
    jobs: { type: 'string', default: '2' },
    files: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

/** A row for each file that ever failed: the tests in it that did, by run. */
function failuresTable(runs: readonly SuiteRun[]): string {
  const files = [...new Set(runs.flatMap(({ wrong }) => wrong.map(({ file }) => file)))].sort();
  const cell = (run: SuiteRun, file: string) => {
    const failure = run.wrong.find((wrong) => wrong.file === file);
    return failure === undefined ? '-' : failure.failed.join('; ') || 'it did not end';
  };
  const cells = (file: string) => runs.map((run) => cell(run, file));
  return table(
    ['file', ...runs.map((_, index) => `run ${index + 1}`)],
    files.map((file) => [file, ...cells(file)]),
  );
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(help);
    return 0;
  }
  const times = positiveInteger(values.times, '--times');
  const jobs = positiveInteger(values.jobs, '--jobs');
  const files = values.files?.split(',') ?? [];
  startBusyThreads(values.busy);
  const runs: SuiteRun[] = [];
  while (runs.length < times) {
    console.log(`\n== run ${runs.length + 1} of ${times}`);
    const run = await runSuite(files, { jobs });
    console.log(`${run.files.length} files, ${run.wrong.length} failed, ${run.seconds.toFixed(0)} s`);
    runs.push(run);
  }
  const right = runs.filter(({ wrong }) => wrong.length === 0).length;
  if (right < times) console.log(`\n${failuresTable(runs)}`);
  console.log(`\n${right} of ${times} runs were right.`);
  return right === times ? 0 : 1;
}

process.exit(await main());
