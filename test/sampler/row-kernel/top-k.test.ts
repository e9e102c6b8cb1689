import fc from 'fast-check';
import t from 'tap';
import { createNoiseKernel } from '../../../src/sampler/noise/load-kernel.js';
import { RowKernel } from '../../../src/sampler/row-kernel/row-kernel.js';
import { fixed } from '../../support/reference/fixed-point.js';

const masked = -Infinity;
const float32Max = 2 ** 128 - 2 ** 104;
const kernel = new RowKernel();

function topK(logits: Float32Array, noise: Float32Array, k: number): number[] {
  kernel.reserve(logits.length, true);
  kernel.logits.set(logits);
  kernel.noise.set(noise);
  kernel.drawTop(1, logits.length, 1, k);
  return [...kernel.topIndices.subarray(0, k)];
}

/** The category drawn: the first of the largest z = (l - max l) + g, two float32 operations. */
function drawn(logits: Float32Array, noise: Float32Array): number {
  const most = logits.reduce((a, b) => Math.max(a, b));
  const z = logits.map((logit, k) => Math.fround(Math.fround(logit - most) + noise[k]));
  return z.indexOf(z.reduce((a, b) => Math.max(a, b)));
}

/**
 * What the result must be: the category drawn, then the others by l + g added without any rounding, the lowest first on
 * a tie.
 */
function ordered(logits: Float32Array, noise: Float32Array): number[] {
  const sums = Array.from(logits, (logit, k) => (logit === masked ? undefined : fixed(logit) + fixed(noise[k])));
  const first = drawn(logits, noise);
  const others = [...logits.keys()].filter((k) => k !== first && sums[k] !== undefined);
  return [first, ...others.sort((a, b) => compare(sums[b] as bigint, sums[a] as bigint) || a - b)];
}

const compare = (a: bigint, b: bigint) => (a < b ? -1 : Number(a > b));

function noiseOf(length: number, seed: number): Float32Array {
  const noiseKernel = createNoiseKernel(length);
  noiseKernel.fill(0, length, 0, 0, seed, 0);
  return noiseKernel.noise.slice();
}

/** Logits that are alike, far apart, so large that float32 has no room for noise, or masked. */
const logit = fc.oneof(
  {
    arbitrary: fc.constantFrom(masked, 0, 1, 2, 1e7, 1e9, -1e9, Math.fround(-3.4e38), -float32Max, float32Max),
    weight: 2,
  },
  { arbitrary: fc.float({ noNaN: true, min: -100, max: 100 }).map((value) => value + 0), weight: 1 },
);

t.test('the categories come in the order of l + g without rounding, after the one that is drawn', async () => {
  // Up to 400 of them: insertion, merging and digits of 8 bits.
  const rows = fc.oneof(
    fc.array(logit, { minLength: 1, maxLength: 20 }),
    fc.array(logit, { minLength: 200, maxLength: 400 }),
  );
  fc.assert(
    fc.property(rows, fc.nat(), fc.nat(), fc.boolean(), (values, seed, choice, silent) => {
      const logits = Float32Array.from(values);
      const noise = silent ? new Float32Array(logits.length) : noiseOf(logits.length, seed);
      const finite = logits.filter((value) => value > masked).length;
      fc.pre(finite > 0);
      const k = 1 + (choice % finite);
      const expected = ordered(logits, noise);
      return topK(logits, noise, k).every((index, place) => index === expected[place]);
    }),
    { seed: 6, numRuns: 500 },
  );
});

t.test('a vocabulary comes out in order, for few and for all, whatever ties there are', async (t) => {
  const length = 50_257;
  const noise = noiseOf(length, 5);
  const vocabularies: [string, (k: number) => number][] = [
    ['ordinary logits', (k) => 6 * Math.sin(k * k)],
    ['equal logits', () => 0],
    ['one far above all others, whose sums all tie in float32', (k) => (k === 77 ? 0 : -3e38)],
    ['groups of ties', (k) => -1e30 * (1 + (k % 150))],
    ['one that leaves no room for the noise', (k) => (k === 77 ? 1e9 : k % 3)],
    ['exponents from -125 to 125', (k) => (k % 2 ? 1 : -1) * 2 ** (((k * 7919) % 250) - 125)],
    ['rising', (k) => k],
    ['masks', (k) => (k % 2 ? masked : Math.cos(k))],
  ];
  for (const [name, logitOf] of vocabularies) {
    const logits = Float32Array.from({ length }, (_, k) => logitOf(k));
    const expected = ordered(logits, noise);
    for (const k of [1, 2, 17, 50, 9000, expected.length]) {
      t.ok(
        topK(logits, noise, k).every((index, place) => index === expected[place]),
        `${name}, k = ${k}`,
      );
    }
  }
});

t.test('a logit as far from the largest as float32 allows keeps its place', async (t) => {
  const logits = Float32Array.of(3.4e38, -3.4e38, -3.3e38);
  t.strictSame(topK(logits, new Float32Array(3), 3), [0, 2, 1]);
});

t.test('more than can be drawn is our mistake', async (t) => {
  const logits = Float32Array.of(1, masked, 2);
  const noise = new Float32Array(3);
  t.throws(() => topK(logits, noise, 3), /This is a bug\.$/);
  t.throws(() => topK(logits, noise, 0), /This is a bug\.$/);
  t.throws(() => topK(logits, noise, 4), /This is a bug\.$/);
  const many = Float32Array.from({ length: 5000 }, (_, k) => (k < 100 ? 0 : masked));
  t.throws(() => topK(many, new Float32Array(5000), 101), /This is a bug\.$/);
});

t.test('top 2 of 4 are drawn as without replacement, by chi-square', async (t) => {
  // Plackett-Luce: first i with probability p_i, then j of the others with p_j / (1 - p_i). Thresholds are the 99.9 %
  // quantiles of chi-square with 11 and 5 degrees of freedom (Abramowitz and Stegun, table 26.8).
  const samples = 200_000;
  const p = [0.5, 0.3, 0.15, 0.05];
  const logits = Float32Array.from(p, (value) => Math.log(value));
  const noiseKernel = createNoiseKernel(4);
  const observed = new Float64Array(16);
  for (let sample = 0; sample < samples; sample++) {
    noiseKernel.fill(0, 4, 0, sample, 8, 0);
    const [first, second] = topK(logits, noiseKernel.noise, 2);
    if (first !== drawn(logits, noiseKernel.noise)) t.fail('the first is the category drawn');
    observed[4 * first + second] += 1;
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
