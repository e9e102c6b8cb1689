/** `npm run test:built`: the built suite, or files of it. The exit code is 1 if anything failed. */
import { parseArgs } from 'node:util';
import { positiveInteger, printFailures, printLine, runSuite } from './support/suite.js';

const help = `npm run test:built -- [options] [files]

  --jobs <n>       files that run at a time            (default 2)
  --timeout-s <s>  how long a file may take            (default 600)
  files            such as dist/test/server.test.js    (default all)
  --help`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    jobs: { type: 'string', default: '2' },
    'timeout-s': { type: 'string', default: '600' },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  if (values.help) {
    console.log(help);
    return 0;
  }
  const startMs = performance.now();
  const options = {
    jobs: positiveInteger(values.jobs, '--jobs'),
    timeoutS: positiveInteger(values['timeout-s'], '--timeout-s'),
  };
  const runs = await runSuite(positionals, options, printLine);
  const wrong = runs.filter(({ isRight }) => !isRight);
  const assertions = runs.reduce((sum, run) => sum + run.assertions, 0);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
  // At the end, where they are seen.
  for (const run of wrong) {
    console.log(`\n== ${run.file}`);
    printFailures(run);
  }
  console.log(`\n${runs.length} files, ${assertions} assertions, ${wrong.length} files failed, ${seconds} s`);
  for (const { file, failed } of wrong) console.log(`  ${[file, ...failed].join('\n    ')}`);
  return wrong.length === 0 ? 0 : 1;
}

process.exit(await main());
