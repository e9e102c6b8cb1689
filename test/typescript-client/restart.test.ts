/** A service that is killed and started again under a training loop: the loop goes on, and its losses are the same. */
import { Client } from '@gumbel-sampler/client';
import t from 'tap';
import { type Running, start } from '../support/server-process.js';

const steps = 12;
const target = [0.7, 0.2, 0.1];

/** Descends on |sample - target|^2 of 64 samples a step; gives the losses. */
async function train(client: Client, beforeStep: (step: number) => void): Promise<number[]> {
  const logits = new Float32Array(3);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    beforeStep(step);
    const draw = await client.sample(logits, { temperature: 0.7, seed: step, numSamples: 64, outputs: ['samples'] });
    const { data } = draw.samples;
    const error = data.map((value, at) => value - (target[at % 3] as number));
    losses.push(error.reduce((sum, value) => sum + value * value, 0) / 64);
    const { gradLogits } = await client.vjp(
      draw,
      error.map((value) => value / 32),
      {},
    );
    for (const [k, slope] of gradLogits.data.entries()) logits[k] = (logits[k] as number) - 0.5 * slope;
  }
  return losses;
}

t.test('kill and restart', async (t) => {
  let running: Running = await start();
  t.teardown(async () => {
    running.child.kill('SIGTERM');
    await running.exit;
  });
  const client = new Client(running.url, { retries: 100 });
  const undisturbed = await train(client, () => {});
  let restarts = 0;
  const disturbed = await train(client, (step) => {
    if (step !== 3 && step !== 8) return;
    const { child, exit, url } = running;
    child.kill('SIGKILL');
    // The loop asks meanwhile, and is refused until the new process serves.
    void exit.then(async () => {
      running = await start({ PORT: new URL(url).port });
      restarts += 1;
    });
  });
  t.equal(restarts, 2);
  t.same(disturbed, undisturbed, 'the losses are the same, bit for bit');
  t.ok((undisturbed.at(-1) as number) < (undisturbed[0] as number), 'and it learns');
});
