/**
 * `npm run test:flakiness`: the built suite again and again, beside threads that never wait. A test that fails in
 * any run depends on time or order, and is to be fixed. The exit code is 1 if anything failed.
 */
import { parseArgs } from 'node:util';
import { table } from '../../bench/results.js';
import {
  type FileRun,
  positiveInteger,
  printFailures,
  printLine,
  runSuite,
  startBusyThreads,
} from '../support/suite.js';

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

const wrongIn = (run: readonly FileRun[]) => run.filter(({ isRight }) => !isRight);

/** A row for each file that ever failed: the tests in it that did, by run. */
function failuresTable(runs: readonly (readonly FileRun[])[]): string {
  const files = [...new Set(runs.flatMap((run) => wrongIn(run).map(({ file }) => file)))].sort();
  const cells = (file: string) =>
    runs.map(
      (run) => wrongIn(run).flatMap((wrong) => (wrong.file === file ? [wrong.failed.join('; ')] : []))[0] ?? '-',
    );
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
  const runs: (readonly FileRun[])[] = [];
  while (runs.length < times) {
    console.log(`\n== run ${runs.length + 1} of ${times}`);
    const startMs = performance.now();
    const run = await runSuite(files, { jobs }, (file, ...counts) => {
      printLine(file, ...counts);
      printFailures(file);
    });
    const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
    console.log(`${run.length} files, ${wrongIn(run).length} failed, ${seconds} s`);
    runs.push(run);
  }
  const right = runs.filter((run) => wrongIn(run).length === 0).length;
  if (right < times) console.log(`\n${failuresTable(runs)}`);
  console.log(`\n${right} of ${times} runs were right.`);
  return right === times ? 0 : 1;
}

process.exit(await main());
