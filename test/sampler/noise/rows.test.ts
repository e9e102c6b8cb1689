// What the kernel does with noise: perturbed logits as exactly two float32 operations, and the index of the largest.

import fc from 'fast-check';
import t from 'tap';
import { createNoiseKernel } from '../../../src/sampler/noise/load-kernel.js';

const ELEMENTS_MAX = 4096;
const UNTOUCHED = -99;

/** K = 1 .. 70 covers every rest to the vectors and the unrolled loops. */
const categories = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 70 }) },
  { weight: 1, arbitrary: fc.constant(1000) },
);

const shape = categories.chain((categories) =>
  fc.record({
    categories: fc.constant(categories),
    start: fc.integer({ min: 0, max: 70 }),
    draws: fc.integer({ min: 1, max: Math.min(20, Math.floor((ELEMENTS_MAX - 70) / categories)) }),
    rowCount: fc.integer({ min: 1, max: 25 }),
  }),
);

const float = fc.double({ min: -30, max: 30, noNaN: true });

/** -0 stands for what the schema turns to +0 but the kernel need not care about. */
const logit = fc.oneof(
  { weight: 6, arbitrary: float },
  { weight: 2, arbitrary: fc.constantFrom(Number.NEGATIVE_INFINITY, 3.4e38, -3.4e38, 0, -0, 1e7) },
);

/** A longer list is drawn from a short one, or fast-check would take its time. */
function spread(values: readonly number[], length: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, (_, i) => values[(i * 7 + (i >> 3)) % values.length]);
}

/** z as the contract has it; the largest by comparison. */
function perturbed(logits: Float32Array, noise: Float32Array): Float32Array {
  const most = logits.reduce((a, b) => Math.max(a, b));
  return noise.map((g, k) => Math.fround(Math.fround(logits[k] - most) + g));
}

/** Equal bits, so that +0 and -0 differ. Not by t.same, which takes 20 ms for arrays of this size. */
function sameBits(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((x, i) => Object.is(x, b[i]));
}

t.test('Perturbed logits are (l - max l) + g in two float32 operations, bit for bit, and nothing else changes', (t) => {
  const kernel = createNoiseKernel(ELEMENTS_MAX);
  const values = fc.record({
    logits: fc.array(logit, { minLength: 1, maxLength: 40 }),
    noise: fc.array(float, { minLength: 1, maxLength: 40 }),
  });
  fc.assert(
    fc.property(shape, values, ({ categories, start, draws, rowCount }, { logits, noise }) => {
      const rows = spread(logits, Math.min(rowCount, draws) * categories);
      // Every row has a finite logit, somewhere; g is never -0.
      for (let row = 0; row * categories < rows.length; row++) rows[row * categories + (row % categories)] = row;
      kernel.logits.fill(UNTOUCHED).set(rows);
      kernel.noise.fill(UNTOUCHED).set(spread(noise, draws * categories), start);
      for (let i = 0; i < draws * categories; i++) kernel.noise[start + i] = kernel.noise[start + i] + 0;
      const expected = kernel.noise.slice();
      for (let draw = 0; draw < draws; draw++) {
        const row = (draw % rowCount) * categories;
        const at = start + draw * categories;
        expected.set(perturbed(rows.subarray(row, row + categories), expected.subarray(at, at + categories)), at);
      }
      kernel.perturb(start, draws, categories, rowCount);
      return sameBits(kernel.perturbed, expected) && kernel.logits.subarray(rows.length).every((l) => l === UNTOUCHED);
    }),
    { numRuns: 500 },
  );
  t.end();
});

t.test('The same rows may be used again', (t) => {
  const kernel = createNoiseKernel(100);
  kernel.logits.set([5, Number.NEGATIVE_INFINITY, 7.25, -3.4e38, 3.4e38, 1]);
  const noise = Float32Array.from({ length: 30 }, (_, i) => i / 7 - 2);
  kernel.noise.set(noise);
  kernel.perturb(0, 10, 3, 2);
  const once = kernel.perturbed.slice(0, 30);
  kernel.noise.set(noise);
  kernel.perturb(0, 4, 3, 2);
  kernel.perturb(12, 6, 3, 2);
  t.ok(sameBits(kernel.perturbed.slice(0, 30), once));
  t.end();
});

t.test('argmax is the index of the largest, the lowest on a tie', (t) => {
  const kernel = createNoiseKernel(ELEMENTS_MAX);
  const number = fc.oneof(float, fc.constantFrom(Number.NEGATIVE_INFINITY, -3.4e38, 3.4e38, 0, -0, 1, 2, 3));
  fc.assert(
    fc.property(shape, fc.array(number, { minLength: 1, maxLength: 40 }), ({ categories, start, draws }, numbers) => {
      kernel.perturbed.fill(1e30).set(spread(numbers, draws * categories), start);
      kernel.indices.fill(UNTOUCHED);
      kernel.argmax(start, draws, categories);
      for (let draw = 0; draw < draws; draw++) {
        const at = start + draw * categories;
        const values = kernel.perturbed.subarray(at, at + categories);
        if (kernel.indices[draw] !== values.indexOf(values.reduce((a, b) => Math.max(a, b)))) return false;
      }
      return kernel.indices.subarray(draws).every((index) => index === UNTOUCHED);
    }),
    { numRuns: 500 },
  );
  t.end();
});

t.test('argmax finds the largest and its first twin at every place', (t) => {
  const kernel = createNoiseKernel(70);
  let wrong = 0;
  for (let categories = 1; categories <= 70; categories++) {
    for (let first = 0; first < categories; first++) {
      for (let twin = first; twin < categories; twin++) {
        kernel.perturbed.fill(Number.NEGATIVE_INFINITY);
        kernel.perturbed[first] = -2;
        kernel.perturbed[twin] = -2;
        kernel.argmax(0, 1, categories);
        if (kernel.indices[0] !== first) wrong++;
      }
    }
  }
  t.equal(wrong, 0);
  t.end();
});
