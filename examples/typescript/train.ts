/**
 * Fits a small categorical model by gradient descent through the service, with its TypeScript client: the model, the
 * loss and the figures of examples/python/fit_categorical.py. With the service running,
 *
 *     npm run build && node dist/examples/typescript/train.js http://localhost:8080
 *
 * Three variables with four categories each; softmax(logits) shall become the target. All that is seen of the model is
 * one-hot samples. With a and b the means of two independent halves of them, E[<a - target, b - target>] =
 * |softmax(logits) - target|^2: the expected loss, whose minimum is 0 at the target.
 */
import { Client } from '@gumbel-sampler/client';

const target = [
  [0.7, 0.1, 0.1, 0.1],
  [0.4, 0.3, 0.2, 0.1],
  [0.5, 0.25, 0.25, 0],
];
const samplesPerStep = 128;
const learningRate = 4;

/** A masked category is null: it is never drawn, and its gradient is 0. */
type Logits = (number | null)[][];

async function fit(url: string, steps: number): Promise<Logits> {
  const client = new Client(url);
  const logits: Logits = target.map((row) => row.map((p) => (p === 0 ? null : 0)));
  for (let step = 0; step < steps; step++) {
    if (step % 20 === 0) report(step, logits);
    // The seed of a step is its number, so every run is the same, and the backward pass replays the noise of the draw.
    const draw = await client.sample(logits, { hard: true, seed: step, numSamples: samplesPerStep });
    const { gradLogits } = await client.vjp(draw, lossGradient(draw.samples.toNested()));
    const gradient = gradLogits.toNested<number[][]>();
    // To 0 at the end, which averages the noise of the last steps away.
    const rate = learningRate * (1 - step / steps);
    for (const [b, row] of logits.entries()) {
      for (const [k, logit] of row.entries()) if (logit !== null) row[k] = logit - rate * gradient[b][k];
    }
  }
  report(steps, logits);
  return logits;
}

/** The gradient of <a - target, b - target> with respect to each sample, [samplesPerStep][3][4]. */
function lossGradient(samples: number[][][]): number[][][] {
  const half = samplesPerStep / 2;
  const ofHalf = (own: number[][][]) =>
    target.map((row, b) => row.map((p, k) => (own.reduce((sum, sample) => sum + sample[b][k], 0) / half - p) / half));
  const [first, second] = [ofHalf(samples.slice(0, half)), ofHalf(samples.slice(half))];
  return samples.map((_, s) => (s < half ? second : first));
}

function softmax(row: (number | null)[]): number[] {
  const weights = row.map((logit) => (logit === null ? 0 : Math.exp(logit)));
  const sum = weights.reduce((total, weight) => total + weight);
  return weights.map((weight) => weight / sum);
}

function report(step: number, logits: Logits): void {
  const squares = logits.flatMap((row, b) => softmax(row).map((p, k) => (p - target[b][k]) ** 2));
  const loss = squares.reduce((sum, square) => sum + square);
  console.log(`step ${String(step).padStart(3)}  loss ${loss.toFixed(5)}`);
}

const [url = 'http://localhost:8080', steps = '200'] = process.argv.slice(2);
const logits = await fit(url, Number(steps));
console.log('learned');
for (const row of logits) {
  console.log(
    softmax(row)
      .map((p) => p.toFixed(3))
      .join('  '),
  );
}
