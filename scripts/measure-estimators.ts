/**
 * Prints the table of docs/differentiable.md: variance and bias of the gradient of one hard sample, by estimator and
 * temperature. `npm run build && node dist/scripts/measure-estimators.js`.
 */
import { createSampler } from '../src/sampler/sampler.js';
import { candidates, errorOf, exactGradient, gradientsOf } from './estimator-errors.js';

const rows = 40_000;
const temperatures = [0.1, 0.5, 1];

const fail = () => {
  throw new Error('A worker was lost or is stuck.');
};
const sampler = await createSampler({
  provider: 'cpu',
  workers: 1,
  elementsDrawnMax: 2 ** 40,
  queueElementsMax: 2 ** 40,
  onWorkerLost: fail,
  onStuck: fail,
});
console.log(`Length of the exact gradient: ${Math.hypot(...exactGradient()).toFixed(3)}; ${rows} draws.\n`);
console.log(`| estimator | ${temperatures.map((tau) => `variance, tau = ${tau} | bias`).join(' | ')} |`);
console.log(`|---|${temperatures.map(() => '---:|---:|').join('')}`);
for (const candidate of candidates) {
  const cells: string[] = [];
  for (const temperature of temperatures) {
    const gradients = await gradientsOf(candidate, temperature, rows, (job) => sampler.draw(job));
    const { variance, bias } = errorOf(gradients);
    cells.push(variance.toPrecision(3), bias.toPrecision(2));
  }
  console.log(`| ${candidate.name} | ${cells.join(' | ')} |`);
}
await sampler.close();
