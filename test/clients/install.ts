/**
 * Installs the official clients into a folder of their own, a virtual environment, once for each change of their
 * versions or of the Python.
 */
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Why the clients could not be run: nothing was shown, whether it works or not. */
export class NotRun extends Error {}

/** Longest time for pip to download and unpack about 500 MB. */
const installMsMax = 900_000;

/**
 * The Python that has the clients.
 *
 * @param python makes the environment
 * @param folder holds it; what is in the way of it is removed
 * @param requirements files for pip, and whatever else they name
 * @throws {NotRun} where there is no Python or pip cannot install them
 */
export async function installClients(
  python: string,
  folder: string,
  requirements: readonly [string, ...string[]],
): Promise<string> {
  const installed = join(folder, 'bin', 'python');
  const stamp = join(folder, 'requirements-installed.txt');
  const wanted = [python, ...(await Promise.all(requirements.map((path) => readFile(path, 'utf8'))))].join('\n');
  if ((await readFile(stamp, 'utf8').catch(() => '')) === wanted) return installed;
  await run(python, ['-c', 'import ensurepip, venv'], `${python} cannot make a virtual environment:`);
  await rm(folder, { recursive: true, force: true });
  await run(python, ['-m', 'venv', folder], `${python} cannot make a virtual environment:`);
  const pip = [
    '-m',
    'pip',
    'install',
    '--disable-pip-version-check',
    '--no-input',
    '--retries',
    '2',
    '--timeout',
    '20',
  ];
  await run(
    installed,
    [...pip, '--requirement', requirements[0]],
    'pip cannot install the clients; does it reach its index?',
  );
  await writeFile(stamp, wanted);
  return installed;
}

async function run(command: string, options: readonly string[], failure: string): Promise<void> {
  try {
    await execute(command, options, { timeout: installMsMax, maxBuffer: 2 ** 24 });
  } catch (error) {
    throw new NotRun(`${failure} ${reasonOf(error as Failure)}`);
  }
}

interface Failure {
  readonly code?: number | string;
  readonly killed?: boolean;
  readonly stdout?: string;
  readonly stderr?: string;
}

/** One line: pip's own last error, or the last words of Python. */
function reasonOf({ code, killed, stdout = '', stderr = '' }: Failure): string {
  if (code === 'ENOENT') return 'there is no such program. Set CLIENTS_PYTHON to a Python.';
  if (killed) return `it took longer than ${installMsMax / 1000} s.`;
  const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
  return lines.findLast((line) => line.startsWith('ERROR: ')) ?? lines.at(-1) ?? `it ended with code ${code}.`;
}
