/** The statistics of the explorer page against values worked out elsewhere. */
import t from 'tap';
import { exactGradient, gradientError } from '../../explore/gradient-error.js';
import {
  chiSquare,
  chiSquareTail,
  erfc,
  simultaneousHalfWidth,
  simultaneousQuantiles,
} from '../../explore/statistics.js';

/** erfc is within 1.2e-7 of itself, and so is what is built from it. */
const relative = 2e-7;

t.test('the tail of chi-square is that of the tables', async (t) => {
  // Critical values at 5 % and 0.1 %, to the four decimals of the NIST handbook; one unit of the last is 5e-4 of a
  // tail.
  const fivePercent = [3.8415, 5.9915, 7.8147, 9.4877, 11.0705, 12.5916, 14.0671];
  const onePerMille = [10.8276, 13.8155, 16.2662, 18.4668, 20.515, 22.4577, 24.3219];
  for (const [at, x] of fivePercent.entries()) t.ok(Math.abs(chiSquareTail(x, at + 1) / 0.05 - 1) < 5e-4, `${at + 1}`);
  for (const [at, x] of onePerMille.entries()) t.ok(Math.abs(chiSquareTail(x, at + 1) / 0.001 - 1) < 5e-4, `${at + 1}`);
  for (let n = 1; n <= 7; n++) t.ok(Math.abs(chiSquareTail(0, n) - 1) <= relative, 'all of it lies above 0');
});

t.test('the quantiles are those of Bonferroni at 95 %', async (t) => {
  for (const [at, quantile] of simultaneousQuantiles.entries()) {
    // Five digits of a quantile z err by 5e-5, which changes its tail by at most 5e-5 (z + 1 / z) of itself.
    const tail = erfc(quantile / Math.SQRT2);
    t.ok(Math.abs(tail / (0.05 / (at + 2)) - 1) < 5e-5 * (quantile + 1 / quantile) + relative, `${at + 2} categories`);
  }
  t.equal(simultaneousHalfWidth(0.5, 100, 2), 2.2414 * 0.05);
});

t.test('counts are tested against what was expected', async (t) => {
  // 50, 30, 20 expected: 25/50 + 25/30 + 0 = 4/3, whose tail for two degrees of freedom is exp(-2/3).
  const { statistic, degreesOfFreedom, pValue, pooled } = chiSquare([55, 25, 20], [0.5, 0.3, 0.2]) ?? {};
  t.same([degreesOfFreedom, pooled], [2, 0]);
  t.ok(Math.abs((statistic as number) - 4 / 3) < 1e-12);
  t.ok(Math.abs((pValue as number) - Math.exp(-2 / 3)) < 1e-12);
});

t.test('rare categories are tested together, and one category alone is not tested', async (t) => {
  const rare = chiSquare([90, 4, 6], [0.92, 0.04, 0.04]);
  t.same([rare?.degreesOfFreedom, rare?.pooled], [1, 2]);
  t.ok(Math.abs((rare?.statistic as number) - (4 / 92 + 4 / 8)) < 1e-12);
  const joined = chiSquare([60, 39, 1], [0.6, 0.39, 0.01]);
  t.equal(joined?.degreesOfFreedom, 1, 'a pool that is too rare joins the smallest of the others');
  t.equal(chiSquare([99, 1], [0.99, 0.01]), undefined);
});

t.test('bias and variance of estimates are measured against the exact gradient', async (t) => {
  const exact = exactGradient([0.5, 0.25, 0.25], [1, 0, 0]);
  t.same(exact, [0.25, -0.125, -0.125]);
  // Means 0.5, -0.125, -0.375: off by 0.25, 0, 0.25. Squared deviations 2 x 0.25, 2 x 0.25, 0 over n - 1 = 1.
  const estimates = [
    [1, -0.625, -0.375],
    [0, 0.375, -0.375],
  ];
  const { bias, variance, noise } = gradientError(estimates, exact);
  t.equal(bias, Math.sqrt(2) / 4);
  t.equal(variance, 1);
  t.equal(noise, Math.SQRT1_2);
});
