import fc from 'fast-check';
import t from 'tap';
import { perturb } from '../../src/sampler/log-density.js';
import { createNoiseKernel } from '../../src/sampler/noise/noise.js';
import { topK } from '../../src/sampler/top-k.js';

/** What the result must be: a full stable sort, descending. */
function sorted(z: Float32Array): number[] {
  return Array.from(z.keys()).sort((a, b) => (z[a] === z[b] ? a - b : z[a] < z[b] ? 1 : -1));
}

t.test('the k largest are those of a full stable sort, with ties and masks', async () => {
  const value = fc.oneof(
    { arbitrary: fc.constantFrom(-Infinity, -0, 0, 1, 2, -(2 ** 128 - 2 ** 104)), weight: 2 },
    { arbitrary: fc.float({ noNaN: true, min: -100, max: 100 }), weight: 1 },
  );
  const rows = fc.array(value, { minLength: 1, maxLength: 200 }).map((values) => Float32Array.from(values));
  fc.assert(
    fc.property(rows, fc.nat(), (z, choice) => {
      const finite = z.filter((value) => value > -Infinity).length;
      fc.pre(finite > 0);
      const k = 1 + (choice % finite);
      const out = new Int32Array(k);
      topK(z, k, out);
      const expected = sorted(z);
      return out.every((index, place) => index === expected[place]);
    }),
    { seed: 6, numRuns: 500 },
  );
});

t.test('a vocabulary of distinct values comes out in order, for few and for all', async (t) => {
  const length = 50_257;
  const kernel = createNoiseKernel(length);
  kernel.fill(0, length, 0, 0, 5, 0);
  for (const z of [kernel.noise, kernel.noise.slice().sort(), kernel.noise.slice().sort().reverse()]) {
    const expected = sorted(z);
    for (const k of [1, 2, 50, length]) {
      const out = new Int32Array(length).fill(-1);
      topK(z, k, out);
      t.ok(
        out.subarray(0, k).every((index, place) => index === expected[place]),
        `k = ${k}`,
      );
      t.ok(
        out.subarray(k).every((index) => index === -1),
        'nothing is written behind them',
      );
    }
  }
});

t.test('more than can be drawn is our mistake', async (t) => {
  const z = Float32Array.of(1, -Infinity, 2);
  const out = new Int32Array(3);
  t.throws(() => topK(z, 3, out), /This is a bug\.$/);
  t.throws(() => topK(z, 0, out), /This is a bug\.$/);
  t.throws(() => topK(z, 4, new Int32Array(4)), /This is a bug\.$/);
  t.throws(() => topK(z, 2, new Int32Array(1)), /This is a bug\.$/);
});

t.test('top 2 of 4 are drawn as without replacement, by chi-square', async (t) => {
  // Plackett-Luce: first i with probability p_i, then j of the others with p_j / (1 - p_i). Thresholds are the 99.9 %
  // quantiles of chi-square with 11 and 5 degrees of freedom (Abramowitz and Stegun, table 26.8).
  const samples = 200_000;
  const p = [0.5, 0.3, 0.15, 0.05];
  const logits = Float32Array.from(p, (value) => Math.log(value));
  const kernel = createNoiseKernel(4);
  const z = new Float32Array(4);
  const out = new Int32Array(2);
  const observed = new Float64Array(16);
  for (let sample = 0; sample < samples; sample++) {
    kernel.fill(0, 4, 0, sample, 8, 0);
    const index = perturb(logits, kernel.noise, z);
    topK(z, 2, out);
    if (out[0] !== index) t.fail('the first is the category drawn');
    observed[4 * out[0] + out[1]] += 1;
  }
  let ordered = 0;
  let unordered = 0;
  for (let i = 0; i < 4; i++) {
    t.equal(observed[5 * i], 0, 'none is drawn twice');
    for (let j = 0; j < i; j++) {
      const expected = [(p[i] * p[j]) / (1 - p[i]), (p[i] * p[j]) / (1 - p[j])].map((value) => value * samples);
      const counts = [observed[4 * i + j], observed[4 * j + i]];
      for (const order of [0, 1]) ordered += (counts[order] - expected[order]) ** 2 / expected[order];
      unordered += (counts[0] + counts[1] - expected[0] - expected[1]) ** 2 / (expected[0] + expected[1]);
    }
  }
  t.ok(ordered < 31.264, `in order: chi-square ${ordered.toFixed(2)} < 31.264`);
  t.ok(unordered < 20.515, `as sets, the inclusion frequencies: chi-square ${unordered.toFixed(2)} < 20.515`);
});
