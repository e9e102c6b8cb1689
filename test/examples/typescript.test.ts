/** examples/typescript: the model is fitted through the real service. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { lossBound, lossesOf } from '../support/fitted-loss.js';
import { start } from '../support/server-process.js';

const example = fileURLToPath(new URL('../../examples/typescript/train.js', import.meta.url));

t.test('the loss of the TypeScript example falls below what one step of counting would reach', async (t) => {
  const { child, url, exit } = await start();
  t.teardown(async () => {
    child.kill('SIGTERM');
    await exit;
  });
  const { stdout } = await promisify(execFile)(process.execPath, [example, url, '100']);
  const losses = lossesOf(stdout);
  t.equal(losses.length, 6);
  t.ok(losses[0] > 0.36, 'starts at the uniform distribution');
  t.ok((losses.at(-1) as number) < lossBound, `ends at ${losses.at(-1)}, below ${lossBound}`);
});
