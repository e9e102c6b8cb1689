import t from 'tap';
import {
  assertRowsKeepTheirBits,
  COMPARED,
  graphs,
  rowOf,
  run,
  testRows,
  torchCases,
  withExtremes,
} from '../../support/backward-rows.js';
import { uniform, WIDTHS } from '../../support/onnx-inputs.js';
import { referenceReinmax } from '../../support/reference/gradients.js';
import { reinmaxTolerance } from '../../support/tolerances.js';

t.teardown(() => graphs.close());

t.test('gradients follow the float64 reference, with masks and logits of 3.4e38 and -3.4e38', async (t) => {
  for (const [title, input] of COMPARED) {
    const { gradLogits } = await run('reinmax', input);
    for (const row of input.temperature.keys()) {
      const { plain } = rowOf(input, row);
      const reference = referenceReinmax(plain);
      const tolerance = reinmaxTolerance(plain, reference);
      const errors = reference.gradLogits.map((value, k) => Math.abs(gradLogits[row * input.categories + k] - value));
      const ratio = Math.max(...errors.map((error, k) => error / tolerance[k]));
      t.ok(ratio <= 1, `${title}: ${ratio}`);
    }
  }
});

t.test('gradients follow those of autograd in torch through Algorithm 2', async (t) => {
  for (const { expected, input } of torchCases()) {
    const { plain } = rowOf(input, 0);
    const { gradLogits } = await run('reinmax', input);
    const tolerance = reinmaxTolerance(plain, referenceReinmax(plain));
    for (const [k, value] of gradLogits.entries()) {
      const torch = expected.reinmax_grad_logits[k];
      t.ok(Math.abs(value - torch) <= tolerance[k], `${value}, torch ${torch}`);
    }
  }
});

t.test('a row has the same bits alone, in any batch, at any place and memory address', async (t) => {
  for (const categories of WIDTHS) {
    await assertRowsKeepTheirBits('reinmax', categories);
    t.pass(`${categories} categories`);
  }
});

t.test('a masked category gets +0, and no cotangent makes NaN', async (t) => {
  for (const categories of [1, 2, 3, 17, 1000]) {
    const rows = withExtremes(testRows(8, categories, 31));
    const temperature = rows.temperature.map((_, row) => [1e-6, 1e-3, 1, 1e6][row >> 1]);
    const cotangent = rows.cotangent.map((value) => 3.4e38 * Math.sign(value));
    const { gradLogits } = await run('reinmax', { ...rows, temperature, cotangent });
    t.notOk(gradLogits.some(Number.isNaN));
    t.ok(gradLogits.every((value, element) => rows.logits[element] > -Infinity || Object.is(value, 0)));
  }
});

/**
 * A quadratic f(D) = D A D + b D of one-hot vectors, its derivative at each of them, and the exact gradient of E[f(D)].
 */
function quadratic(categories: number, p: Float64Array, seed: number) {
  const next = uniform(seed);
  const a = Array.from({ length: categories }, () => Array.from({ length: categories }, () => 4 * (next() - 0.5)));
  const b = Array.from({ length: categories }, () => 4 * (next() - 0.5));
  const values = b.map((linear, k) => a[k][k] + linear);
  const mean = values.reduce((sum, value, k) => sum + p[k] * value, 0);
  return {
    derivativeAt: (drawn: number) => Float32Array.from(b, (linear, k) => a[k][drawn] + a[drawn][k] + linear),
    gradient: values.map((value, k) => p[k] * (value - mean)),
  };
}

/**
 * ReinMax is accurate to second order, the paper's theorem, so at temperature 1 it is unbiased for quadratic functions:
 * averaging (f'(D) + f'(D')) (D - D') / 2 = f(D) - f(D') over both draws gives the gradient. The error of the mean is
 * at most the mean of the tolerances, and the derivative's rounding to float32, u max |v|, which the estimate
 * multiplies by at most 5 (q and p are at most 1, and |v_k - <v, q>| at most 2 max |v|: 2 * 2 + 0.5 * 2 for both
 * terms).
 */
t.test(
  'averaged over the draws, the gradient of a quadratic function is exact, and straight-through is not',
  async (t) => {
    let straightThroughBias = 0;
    for (const categories of [2, 3, 4]) {
      for (let seed = 0; seed < 10; seed++) {
        const next = uniform(100 * categories + seed);
        const logits = Float32Array.from({ length: categories }, () => 3 * next());
        const temperature = Float32Array.of(1);
        const { p } = referenceReinmax({ logits, noise: logits.map(() => 0), temperature: 1, cotangent: logits });
        const { derivativeAt, gradient } = quadratic(categories, p, seed);
        const mean = new Float64Array(categories);
        const straightThrough = new Float64Array(categories);
        const tolerance = new Float64Array(categories);
        for (let drawn = 0; drawn < categories; drawn++) {
          // Noise of 40 makes sure which category is drawn.
          const noise = Float32Array.from(logits, (_, k) => (k === drawn ? 40 : 0));
          const cotangent = derivativeAt(drawn);
          const input = { categories, logits, noise, temperature, cotangent };
          const { gradLogits } = await run('reinmax', input);
          const { plain } = rowOf(input, 0);
          const granted = reinmaxTolerance(plain, referenceReinmax(plain));
          const along = cotangent.reduce((sum, value, k) => sum + p[k] * value, 0);
          for (let k = 0; k < categories; k++) {
            mean[k] += p[drawn] * gradLogits[k];
            straightThrough[k] += p[drawn] * p[k] * (cotangent[k] - along);
            tolerance[k] += p[drawn] * (granted[k] + 5 * 2 ** -24 * Math.max(...cotangent.map(Math.abs)));
          }
        }
        for (let k = 0; k < categories; k++) {
          t.ok(Math.abs(mean[k] - gradient[k]) <= tolerance[k], `${mean[k]} for ${gradient[k]}`);
          straightThroughBias = Math.max(straightThroughBias, Math.abs(straightThrough[k] - gradient[k]));
        }
      }
    }
    t.ok(straightThroughBias > 0.1, 'so the test can tell estimators apart');
  },
);
