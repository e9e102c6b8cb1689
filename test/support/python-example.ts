/**
 * Python for the tests of examples/python: EXAMPLES_PYTHON, else python3; which packages it lacks; running a script.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { start } from './server-process.js';

const execute = promisify(execFile);
const python = process.env.EXAMPLES_PYTHON ?? 'python3';

/** Finding a package does not import it, which takes seconds. */
const probe = `
import sys
from importlib.util import find_spec
print(*[name for name in sys.argv[1:] if find_spec(name) is None])`;

/** Those of the packages that are missing, or "python" alone where there is none. */
async function missing(packages: readonly string[]): Promise<string[]> {
  try {
    const { stdout } = await execute(python, ['-c', probe, ...packages]);
    return stdout.split(/\s+/).filter((name) => name !== '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ['python'];
    throw error;
  }
}

/**
 * The address of the real service, stopped after the test; or, where packages are missing, a comment that says which.
 */
export async function startForPython(t: Test, packages: readonly string[]): Promise<string | undefined> {
  const lacking = await missing(packages);
  t.ok(
    lacking.every((name) => name === 'python' || packages.includes(name)),
    `the probe of ${python} finds missing: ${lacking.join(', ') || 'nothing'}`,
  );
  if (lacking.length > 0) {
    t.comment(
      `NOT RUN: ${python} has no ${lacking.join(', ')}. To run it, install examples/python/requirements.txt and ` +
        'clients/python into a virtual environment and set EXAMPLES_PYTHON to its Python.',
    );
    return undefined;
  }
  const { child, url, exit } = await start();
  t.teardown(async () => {
    child.kill('SIGTERM');
    await exit;
  });
  return url;
}

/** Runs a script, by its path in the repository, and returns what it prints. */
export async function runPython(script: string, ...options: string[]): Promise<string> {
  const path = fileURLToPath(new URL(`../../../${script}`, import.meta.url));
  // One thread, as the models are tiny; no cache files in the working tree.
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', OMP_NUM_THREADS: '1' };
  return (await execute(python, [path, ...options], { env })).stdout;
}
