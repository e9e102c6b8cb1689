/**
 * examples/python against the real service, where Python has torch and requests: EXAMPLES_PYTHON, else python3. Where it has
 * not, the test says which package is missing, and that is all it asserts.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { start } from '../server-process.js';
import { lossBound, lossesOf } from './fitted-loss.js';

const execute = promisify(execFile);
const python = process.env.EXAMPLES_PYTHON ?? 'python3';
const fitScript = fileURLToPath(new URL('../../../examples/python/fit_categorical.py', import.meta.url));
const checkScript = fileURLToPath(new URL('../../../test/examples/check_gradients.py', import.meta.url));

/** Prints the first package that is missing, or "present". Finding a package does not import it, which takes seconds. */
const probe = `
from importlib.util import find_spec
print(next((name for name in ("torch", "requests") if find_spec(name) is None), "present"))`;

/** "present", or what is missing: a package, or Python itself. */
async function probePython(): Promise<string> {
  try {
    return (await execute(python, ['-c', probe])).stdout.trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'python';
    throw error;
  }
}

/** One thread, as the models are tiny; no cache files in the working tree. */
async function runPython(script: string, ...options: string[]): Promise<string> {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', OMP_NUM_THREADS: '1' };
  return (await execute(python, [script, ...options], { env })).stdout;
}

t.test('the Python examples run where Python has torch and requests', async (t) => {
  const answer = await probePython();
  t.ok(['present', 'python', 'torch', 'requests'].includes(answer), `the probe of ${python} answers: ${answer}`);
  if (answer !== 'present') {
    t.comment(`NOT RUN: examples/python. ${python} has no ${answer}. To run it, install`);
    t.comment('examples/python/requirements.txt into a virtual environment and set EXAMPLES_PYTHON to its Python.');
    return;
  }
  const { child, url, exit } = await start();
  t.teardown(async () => {
    child.kill('SIGTERM');
    await exit;
  });

  await t.test('remote gradients are those of local autograd', async (t) => {
    const output = await runPython(checkScript, '--url', url);
    t.match(output, /reinmax: grad_logits +error .*\n(.*\n)*refused: 422 temperature-out-of-range: /);
  });

  for (const estimator of ['straight_through', 'reinmax']) {
    await t.test(`the loss of the fit falls below what one step of counting would reach: ${estimator}`, async (t) => {
      const output = await runPython(fitScript, '--url', url, '--steps', '100', '--estimator', estimator);
      const losses = lossesOf(output);
      t.equal(losses.length, 6);
      t.ok((losses[0] as number) > 0.36, 'starts at the uniform distribution');
      t.ok((losses.at(-1) as number) < lossBound, `ends at ${losses.at(-1)}, below ${lossBound}`);
    });
  }
});
