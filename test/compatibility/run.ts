/**
 * `npm run test:compatibility`: the built suite on every major version of Node.js that the service is meant for. They
 * are packages of npm, pinned in the lock file of the folder nodes, and lie in .nodes. Exit codes: 0 when all is right,
 * 1 when anything is not, 75 where there are no such packages.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { table } from '../../bench/results.js';
import { positiveInteger, runSuite, startBusyThreads } from '../support/suite.js';

const help = `npm run test:compatibility -- [options]

  --versions <list>  major versions of Node.js              (default 20,22,24,26)
  --files <list>     paths such as dist/test/server.test.js (default all)
  --busy <n>         threads that never wait, beside it all (default 0)
  --jobs <n>         files that run at a time               (default 2)
  --help`;

/** There is nothing wrong, it cannot be done here. */
const tempFail = 75;

const { values } = parseArgs({
  options: {
    versions: { type: 'string', default: '20,22,24,26' },
    files: { type: 'string' },
    busy: { type: 'string', default: '0' },
    jobs: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
});

/** The build lies in dist/test/compatibility. */
const root = fileURLToPath(new URL('../../..', import.meta.url));
const folder = join(root, '.nodes');

function install(): void {
  mkdirSync(folder, { recursive: true });
  for (const name of ['package.json', 'package-lock.json']) {
    cpSync(join(root, 'test/compatibility/nodes', name), join(folder, name));
  }
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder, stdio: 'inherit' });
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(help);
    return 0;
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    console.log(
      `The packages of test/compatibility are for Linux on x64, and this is ${process.platform} ${process.arch}.`,
    );
    return tempFail;
  }
  const files = values.files?.split(',') ?? [];
  const jobs = positiveInteger(values.jobs, '--jobs');
  startBusyThreads(values.busy);
  install();
  const rows: string[][] = [];
  let isRight = true;
  for (const major of values.versions.split(',')) {
    const node = join(folder, `node_modules/node${major}/bin/node`);
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
    console.log(`\n== Node.js ${version}`);
    const run = await runSuite(files, { node, jobs });
    isRight &&= run.wrong.length === 0;
    const wrong = run.wrong.map(({ file }) => file).join(', ') || '-';
    rows.push([version, String(run.files.length), wrong, `${run.seconds.toFixed(0)} s`]);
  }
  console.log(`\n${table(['Node.js', 'files', 'failed', 'time'], rows)}`);
  return isRight ? 0 : 1;
}

process.exit(await main());
