/** `npm run test:built`: the suite as built, or files of it. Ends with 1 if anything failed, 2 for a wrong command. */
import { parseArgs } from 'node:util';
import { positiveInteger, runSuite } from './support/suite.js';

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
  const { files, wrong, seconds } = await runSuite(positionals, {
    jobs: positiveInteger(values.jobs, '--jobs'),
    timeoutS: positiveInteger(values['timeout-s'], '--timeout-s'),
  });
  const sum = (name: 'assertions' | 'skipped') => files.reduce((total, run) => total + run[name], 0);
  console.log(
    `\n${files.length} files, ${sum('assertions')} assertions, ${sum('skipped')} skipped, ` +
      `${wrong.length} files failed, ${seconds.toFixed(0)} s`,
  );
  for (const { file, failed } of wrong) console.log(`  ${[file, ...failed].join('\n    ')}`);
  return wrong.length === 0 ? 0 : 1;
}

process.exit(
  await main().catch((error: Error) => {
    console.error(error.message);
    return 2;
  }),
);
