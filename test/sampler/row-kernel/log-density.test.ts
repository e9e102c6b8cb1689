import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { createNoiseKernel } from '../../../src/sampler/noise/load-kernel.js';
import { blockElementsMax, RowKernel } from '../../../src/sampler/row-kernel/row-kernel.js';
import {
  fixed,
  float,
  logFactorials,
  referenceLogDensity,
  referenceLogSamples,
} from '../../support/reference/fixed-point.js';

const u = 2 ** -53;
const float32Max = 2 ** 128 - 2 ** 104;
const masked = -Infinity;
const rowKernel = new RowKernel();
const { logFactorial } = rowKernel.functions;

function logDensity(logits: Float32Array, temperature: number, logY: ArrayLike<number>): number {
  return rowKernel.logDensityOf(logits, temperature, logY);
}

/** log y of perturbed logits z. */
function logSamples(z: Float32Array, temperature: number): Float64Array {
  return rowKernel.logSamplesOf(z, new Float32Array(z.length), temperature);
}

/** The bound that `logDensity` states. */
function densityBound(logits: Float32Array, temperature: number, logY: Float64Array): number {
  const count = logits.length;
  const largest = logits.reduce((a, b) => Math.max(a, b));
  let sizeMax = 0;
  let sum = 0;
  for (const [k, logit] of logits.entries()) {
    sizeMax = Math.max(sizeMax, Math.abs(logit - largest) + temperature * Math.abs(logY[k]));
    sum += Math.abs(logY[k]);
  }
  return u * (16 * count * sizeMax + 4 * sum + 16 * count * (1 + Math.log(count) + Math.abs(Math.log(temperature))));
}

/** log y of a draw with the noise of a seed. */
function draw(logits: Float32Array, temperature: number, seed: number) {
  const kernel = createNoiseKernel(logits.length);
  kernel.fill(0, logits.length, 0, 0, seed, 0);
  const largest = logits.reduce((a, b) => Math.max(a, b));
  // Where the difference of two logits leaves float32, z is the difference itself.
  const z = Float64Array.from(logits, (logit, k) => {
    const shifted = Math.fround(logit - largest);
    return shifted === -Infinity ? logit - largest : Math.fround(shifted + kernel.noise[k]);
  });
  const logY = rowKernel.logSamplesOf(logits, kernel.noise, temperature);
  return { z, logY, index: z.indexOf(Math.max(...z)) };
}

/** Rows without masks: moderate logits, and now and then one of the largest or smallest that there are. */
const rows = fc.record({
  logits: fc
    .array(
      fc.oneof(
        { arbitrary: fc.float({ min: -100, max: 100, noNaN: true }), weight: 8 },
        { arbitrary: fc.constantFrom(0, Math.fround(3.4e38), Math.fround(-3.4e38), 1e7, -1e7), weight: 1 },
      ),
      { minLength: 2, maxLength: 40 },
    )
    .map((logits) => Float32Array.from(logits)),
  temperature: fc.double({ min: -6, max: 6, noNaN: true }).map((exponent) => Math.fround(10 ** exponent)),
  seed: fc.nat(),
});

t.test('where the difference of two logits leaves float32, the log-sample is that of the difference', async (t) => {
  // -2 M / 1e6, and M / 1e6 for the third, beside which the logarithm of the sum, 0, is nothing.
  const logits = Float32Array.of(float32Max, -float32Max, 0, masked);
  const logY = rowKernel.logSamplesOf(logits, new Float32Array(4), 1e6);
  t.strictSame([...logY], [0, (-2 * float32Max) / 1e6, -float32Max / 1e6, masked]);
});

t.test('a log-sample below the float32 limit stops there, so it stays apart from a mask', async (t) => {
  const logY = rowKernel.logSamplesOf(Float32Array.of(-3.4e38, 3.4e38, masked), new Float32Array(3), Math.fround(1e-6));
  t.strictSame([...logY], [-float32Max, 0, masked]);
  t.strictSame([...logSamples(Float32Array.of(0, -1e33), 1e-6)], [0, -float32Max]);
});

t.test('a row without a finite logit is our mistake', async (t) => {
  rowKernel.reserve(2, false);
  rowKernel.logits.fill(masked, 0, 2);
  t.throws(() => rowKernel.drawLogs(1, 2, 1, false), /This is a bug\.$/);
  t.throws(() => rowKernel.logProbOfPoints(1, 2, 1, true), /This is a bug\.$/);
  t.throws(() => rowKernel.drawLogs(blockElementsMax, 2, 1, false), /This is a bug\.$/, 'nor is a block too long');
});

t.test('log-samples are within the stated bound of 192-bit arithmetic, and sum to 1', async (t) => {
  let worst = 0;
  fc.assert(
    fc.property(rows, ({ logits, temperature, seed }) => {
      const { z, logY, index } = draw(logits, temperature, seed);
      const exact = referenceLogSamples(z, temperature);
      let sum = 0;
      for (const [k, value] of logY.entries()) {
        sum += Math.exp(value);
        if (value === -float32Max) continue;
        const bound = u * (4 * Math.abs(value) + 4 * Math.log(logY.length) + 8);
        const error = Math.abs(float(fixed(value) - exact[k]));
        worst = Math.max(worst, error / bound);
        if (error > bound) throw new Error(`error ${error} > ${bound}`);
      }
      // The error of each exp(log y), at most 3/e * 4 u + (4 ln K + 10) u since y |log y| <= 1/e, and of each addition.
      const sumBound = 64 * logY.length * u;
      return Math.abs(sum - 1) <= sumBound && logY[index] === Math.max(...logY);
    }),
    { seed: 4, numRuns: 300 },
  );
  t.ok(worst <= 1, `worst error / bound ${worst.toFixed(3)}`);
});

t.test('the log-sample of a category that all but surely wins keeps its relative accuracy', async (t) => {
  const logY = logSamples(Float32Array.of(0, -100), 1);
  // log(1 / (1 + e^-100)) = -e^-100 up to a relative e^-100; exp of -100 is exact to 1 ulp, log1p of it too.
  t.ok(Math.abs(logY[0] / -3.7200759760208356e-44 - 1) < 4 * u, `${logY[0]}`);
});

interface TorchCase {
  readonly name: string;
  readonly temperature: number;
  readonly logits: number[];
  readonly log_y: number[];
  readonly log_prob: number;
}
const fixture = new URL('../../../../test/fixtures/log_prob_torch.json', import.meta.url);
const torchCases: TorchCase[] = JSON.parse(readFileSync(fixture, 'utf8')).cases;

t.test('the log-density equals torch.distributions.RelaxedOneHotCategorical.log_prob', async (t) => {
  let worst = 0;
  for (const { name, temperature, logits, log_y, log_prob } of torchCases) {
    const row = Float32Array.from(logits);
    const logY = Float64Array.from(log_y);
    // torch adds its K terms one by one, so its rounding errors are up to K times those of compensated sums.
    const bound = (logits.length + 1) * densityBound(row, temperature, logY);
    const error = Math.abs(logDensity(row, temperature, logY) - log_prob);
    worst = Math.max(worst, error);
    t.ok(error <= bound, `${name}: error ${error.toExponential(1)} <= ${bound.toExponential(1)} of ${log_prob}`);
  }
  t.comment(`largest difference ${worst}`);
});

t.test('masked categories count for nothing, wherever they are', async (t) => {
  for (const { name, temperature, logits, log_y } of torchCases) {
    const alone = logDensity(Float32Array.from(logits), temperature, Float64Array.from(log_y));
    for (const at of [0, 1, logits.length]) {
      const row = Float32Array.from(logits.toSpliced(at, 0, masked, masked));
      const logY = Float64Array.from(log_y.toSpliced(at, 0, masked, masked));
      t.equal(logDensity(row, temperature, logY), alone, `${name}, masks at ${at}`);
    }
  }
});

t.test('a constant added to all logits changes no bit, nor does where the row lies in memory', async (t) => {
  const logits = Float32Array.of(0.5, -1.25, 3, 2.75);
  const { logY } = draw(logits, 0.25, 7);
  const density = logDensity(logits, 0.25, logY);
  for (const shift of [1, -8, 1024, 2 ** 20]) {
    t.equal(
      logDensity(
        logits.map((logit) => logit + shift),
        0.25,
        logY,
      ),
      density,
      `shifted by ${shift}`,
    );
  }
  t.equal(logDensity(Float32Array.of(9, ...logits, 9).subarray(1, 5), 0.25, logY), density);
});

t.test('log y in float32 is taken as it is', async (t) => {
  const logits = Float32Array.of(1, 0, -1);
  const rounded = Float32Array.from(draw(logits, 0.5, 3).logY);
  t.equal(logDensity(logits, 0.5, rounded), logDensity(logits, 0.5, Float64Array.from(rounded)));
});

t.test('the density of two categories integrates to 1 over the simplex', async (t) => {
  // In v = tau log(y_1 / y_2) the density is a logistic density: analytic for |Im v| < pi, tails e^-|v - shift|. So the
  // trapezoidal rule of step h errs by about 2 e^(-2 pi^2 / h) = 1e-17 at h = 1/2, and leaving out |v| > 60 with a
  // shift of at most 10 by 2 e^-50. What remains is the density's own error, at most its bound at the edge of the
  // window, and the errors of log y and of the sum, together at most as much again.
  const h = 1 / 2;
  for (const logits of [
    [0, 0],
    [3, -2],
    [-10, 0],
    [1e7, 1e7],
  ].map((row) => Float32Array.from(row))) {
    for (const temperature of [0.01, 0.5, 1, 3, 100].map(Math.fround)) {
      let total = 0;
      let bound = 1e-15;
      for (let v = -60; v <= 60; v += h) {
        const logY = logSamples(Float32Array.of(v, 0), temperature);
        // dy_1 = y_1 y_2 dv / tau
        total += (h * Math.exp(logDensity(logits, temperature, logY) + logY[0] + logY[1])) / temperature;
        bound = Math.max(bound, 2 * densityBound(logits, temperature, logY));
      }
      t.ok(Math.abs(total - 1) <= bound, `logits ${logits}, temperature ${temperature}: 1 + ${total - 1}, ${bound}`);
    }
  }
});

t.test('the density of three categories integrates to 1 over the simplex', async (t) => {
  // As above, in v_k = tau log(y_k / y_3), k = 1, 2: the integrand is 2 s_1 s_2 s_3 with s a softmax of l - v, whose
  // poles lie at |Im v| = pi and which falls as e^-|.| in every direction; at least 40 to the edge, which is 320 long:
  // 320 e^-40 = 1e-15.
  const h = 1 / 2;
  for (const logits of [
    [0, 0, 0],
    [2, -1, 0.5],
    [-3, 1, 0],
  ].map((row) => Float32Array.from(row))) {
    for (const temperature of [0.05, 0.5, 2, 50].map(Math.fround)) {
      let total = 0;
      let bound = 1e-14;
      for (let v = -50; v <= 50; v += h) {
        for (let w = -50; w <= 50; w += h) {
          const logY = logSamples(Float32Array.of(v, w, 0), temperature);
          // dy_1 dy_2 = y_1 y_2 y_3 dv dw / tau^2
          const logVolume = logY[0] + logY[1] + logY[2];
          total += Math.exp(logDensity(logits, temperature, logY) + logVolume) * (h / temperature) ** 2;
          bound = Math.max(bound, 2 * densityBound(logits, temperature, logY));
        }
      }
      t.ok(Math.abs(total - 1) <= bound, `logits ${logits}, temperature ${temperature}: 1 + ${total - 1}, ${bound}`);
    }
  }
});

t.test('the log-density is within the stated bound of 192-bit arithmetic', async (t) => {
  let worst = 0;
  fc.assert(
    fc.property(rows, ({ logits, temperature, seed }) => {
      const { logY } = draw(logits, temperature, seed);
      const density = logDensity(logits, temperature, logY);
      const error = Math.abs(float(fixed(density) - referenceLogDensity(logits, temperature, logY)));
      const bound = densityBound(logits, temperature, logY);
      worst = Math.max(worst, error / bound);
      return Number.isFinite(density) && error <= bound;
    }),
    { seed: 5, numRuns: 300 },
  );
  t.ok(worst <= 1, `worst error / bound ${worst.toFixed(3)}`);
});

t.test('the log-density is right where y underflows: 50,000 categories at temperature 1/100', async (t) => {
  const temperature = Math.fround(0.01);
  const logits = Float32Array.from({ length: 50_000 }, (_, k) => 6 * Math.sin(k * k));
  const { logY } = draw(logits, temperature, 11);
  t.ok(logY.filter((value) => Math.exp(value) === 0).length > 40_000, 'most of y is 0 in float64');
  const density = logDensity(logits, temperature, logY);
  const error = Math.abs(float(fixed(density) - referenceLogDensity(logits, temperature, logY)));
  const bound = densityBound(logits, temperature, logY);
  t.ok(error <= bound, `log p = ${density}: error ${error.toExponential(1)} <= ${bound.toExponential(1)}`);
});

t.test('one category has log-density 0: its simplex is a point', async (t) => {
  t.equal(logDensity(Float32Array.of(3), 0.5, Float64Array.of(0)), 0);
  t.equal(logDensity(Float32Array.of(masked, -3.4e38), 1e-6, Float64Array.of(masked, 0)), 0);
});

t.test('outside the open simplex the density is 0', async (t) => {
  const logits = Float32Array.of(0, masked, 1);
  t.equal(logDensity(logits, 0.5, Float64Array.of(-0.7, -20, -0.7)), -Infinity, 'a positive y at a masked place');
  t.equal(logDensity(logits, 0.5, Float64Array.of(masked, masked, 0)), -Infinity, 'y = 0 at an unmasked place');
  t.equal(logDensity(Float32Array.of(2, masked), 0.5, Float64Array.of(0, -50)), -Infinity, 'also with one category');
});

t.test('the logarithm of a factorial has a relative error below 2^-50', async (t) => {
  const exact = logFactorials(3000);
  let worst = 0;
  t.equal(logFactorial(0), 0);
  t.equal(logFactorial(1), 0);
  for (let n = 2; n < exact.length; n++) {
    worst = Math.max(worst, Math.abs(float(fixed(logFactorial(n)) - exact[n])) / float(exact[n]));
  }
  t.ok(worst < 2 ** -50, `worst ${(worst / u).toFixed(2)} * 2^-53`);
});
