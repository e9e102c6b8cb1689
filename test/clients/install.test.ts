/**
 * Where the official clients cannot be installed, test:clients says why in one line and never passes. Python is a
 * script here.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { installClients, NotRun } from './install.js';

const execute = promisify(execFile);

/** A Python whose environments have a pip that prints `says` and ends with `code`; and files for pip. */
async function fakePython(folder: string, says: string, code: number) {
  const python = join(folder, 'python');
  const pip = `#!/bin/sh\necho "$@" >> ${join(folder, 'asked')}\necho '${says}' >&2\nexit ${code}\n`;
  await writeFile(join(folder, 'pip'), pip);
  await writeFile(
    python,
    `#!/bin/sh\n[ $1 = -c ] || { mkdir -p "$3/bin" && cp ${join(folder, 'pip')} "$3/bin/python"; }\n`,
  );
  for (const name of ['pip', 'python']) await chmod(join(folder, name), 0o755);
  const requirements = join(folder, 'requirements.txt');
  await writeFile(requirements, 'tritonclient==1\n');
  const asked = async () => (await readFile(join(folder, 'asked'), 'utf8')).trim().split('\n');
  return { python, environment: join(folder, 'clients'), requirements, asked };
}

t.test('without Python the command says so in one line and exits with 75', async (t) => {
  const env = { ...process.env, CLIENTS_PYTHON: join(t.testdir(), 'no-python') };
  const command = fileURLToPath(new URL('./run.js', import.meta.url));
  const { code, stdout } = await execute(process.execPath, [command], { env }).catch((error) => error);
  t.equal(code, 75);
  t.match(
    stdout,
    /^NOT RUN: \S+no-python cannot make a virtual environment: there is no such program\. .*CLIENTS_PYTHON.*\n$/,
  );
});

t.test('where pip does not reach its index its own error is the reason', async (t) => {
  const says = 'WARNING: Retrying after connection broken\nERROR: No matching distribution found for tritonclient==1\n';
  const { python, environment, requirements } = await fakePython(t.testdir(), says, 1);
  await t.rejects(installClients(python, environment, [requirements]), {
    constructor: NotRun,
    message:
      'pip cannot install the clients; does it reach its index? ERROR: No matching distribution found for tritonclient==1',
  });
});

t.test('the clients are installed once, and again when their versions change or an install was cut off', async (t) => {
  const { python, environment, requirements, asked } = await fakePython(t.testdir(), '', 0);
  const install = () => installClients(python, environment, [requirements]);
  t.equal(await install(), join(environment, 'bin', 'python'));
  await install();
  t.equal((await asked()).length, 1);
  t.match((await asked())[0], `--requirement ${requirements}`);
  await writeFile(requirements, 'tritonclient==2\n');
  await install();
  t.equal((await asked()).length, 2);
  await mkdir(join(environment, 'left-over'));
  await writeFile(join(environment, 'requirements-installed.txt'), '');
  await install();
  t.equal((await asked()).length, 3);
  await t.rejects(readFile(join(environment, 'left-over')), { code: 'ENOENT' }, 'it starts from an empty folder');
});
