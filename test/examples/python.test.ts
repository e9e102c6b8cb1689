/**
 * examples/python against the real service, where Python has torch and the client. Where it has not, the test says
 * which package is missing, and that is all it asserts.
 */
import t from 'tap';
import { lossBound, lossesOf } from '../support/fitted-loss.js';
import { runPython, startForPython } from '../support/python-example.js';

t.test('the Python examples run where Python has torch and the client', async (t) => {
  const url = await startForPython(t, ['torch', 'gumbel_sampler']);
  if (url === undefined) return;

  for (const estimator of ['straight_through', 'reinmax']) {
    await t.test(`the loss of the fit falls below what one step of counting would reach: ${estimator}`, async (t) => {
      const script = 'examples/python/fit_categorical.py';
      const losses = lossesOf(await runPython(script, '--url', url, '--steps', '100', '--estimator', estimator));
      t.equal(losses.length, 6);
      t.ok(losses[0] > 0.36, 'starts at the uniform distribution');
      t.ok((losses.at(-1) as number) < lossBound, `ends at ${losses.at(-1)}, below ${lossBound}`);
    });
  }
});
