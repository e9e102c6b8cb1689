/**
 * Perturbed logits given their index: against exact values, at every extreme of logits and noise, and independent of
 * what shares a block with them.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { RowKernel } from '../../../src/sampler/row-kernel/row-kernel.js';

const float32Max = 3.4028234663852886e38;

interface Row {
  readonly logits: Float32Array;
  readonly noise: Float32Array;
  readonly index: number;
}

const kernel = new RowKernel();

/** z and the conditioned noise of draws that repeat the rows in order; each draw has noise of its own. */
function condition(rows: readonly Pick<Row, 'logits' | 'index'>[], noise: Float32Array) {
  const categories = rows[0].logits.length;
  kernel.reserve(categories, false);
  for (const [row, { logits, index }] of rows.entries()) {
    kernel.logits.set(logits, row * categories);
    kernel.given[row] = index;
  }
  kernel.noise.set(noise);
  kernel.condition(noise.length / categories, categories, rows.length);
  return {
    z: kernel.conditioned.slice(0, noise.length),
    noise: kernel.conditionedNoise.slice(0, noise.length),
  };
}

interface Case {
  readonly logits: readonly (number | null)[];
  readonly noise: readonly number[];
  readonly index: number;
  readonly z: readonly (number | null)[];
  readonly conditioned_noise: readonly number[];
}

t.test('z and its noise are the exact ones, rounded to float32', (t) => {
  const url = new URL('../../../../test/fixtures/conditioned_mpmath.json', import.meta.url);
  const { cases } = JSON.parse(readFileSync(url, 'utf8')) as { cases: Case[] };
  for (const [at, { logits, noise, index, z: exact, conditioned_noise: exactNoise }] of cases.entries()) {
    const row = { logits: Float32Array.from(logits, (logit) => logit ?? -Infinity), index };
    const found = condition([row], Float32Array.from(noise));
    // One rounding to float32, 2^-24 of the value, and a dozen float64 operations on numbers of at most |z| and 60.
    const isNear = (own: number, right: number) =>
      Math.abs(own - right) <= 2 ** -24 * Math.abs(right) + 2 ** -48 * Math.min(60, Math.abs(right) + 60);
    for (const [k, value] of exact.entries()) {
      const right = value === null || value < -float32Max ? -Infinity : value;
      t.ok(right === -Infinity ? found.z[k] === right : isNear(found.z[k], right), `z of case ${at}, category ${k}`);
      const own = Math.min(exactNoise[k], float32Max);
      t.ok(isNear(found.noise[k], own), `noise of case ${at}, category ${k}: ${found.noise[k]} for ${own}`);
    }
  }
  t.ok(cases.length > 50);
  t.end();
});

const logit = fc.oneof(
  { weight: 6, arbitrary: fc.float({ min: -30, max: 30, noNaN: true }) },
  { weight: 2, arbitrary: fc.constantFrom(Number.NEGATIVE_INFINITY, 0, 1e9, -1e9, 3.4e38, -3.4e38).map(Math.fround) },
);
const gumbel = fc.oneof(
  { weight: 4, arbitrary: fc.float({ min: Math.fround(-2.8), max: 45, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(-2.82, 0, 45.05).map(Math.fround) },
);

/** Rows of one length with the index of an unmasked category, and samples of them. */
const anyRows = fc
  .record({ rows: fc.integer({ min: 1, max: 4 }), samples: fc.integer({ min: 1, max: 3 }) })
  .chain(({ rows, samples }) =>
    fc.integer({ min: 1, max: 40 }).chain((categories) =>
      fc.record({
        rows: fc.array(
          fc.record({
            logits: fc.array(logit, { minLength: categories, maxLength: categories }),
            index: fc.nat(categories - 1),
          }),
          { minLength: rows, maxLength: rows },
        ),
        noise: fc.array(gumbel, {
          minLength: rows * samples * categories,
          maxLength: rows * samples * categories,
        }),
      }),
    ),
  )
  .map(({ rows, noise }) => ({
    rows: rows.map(({ logits, index }) => {
      const values = Float32Array.from(logits, (value) => (Math.abs(value) < 2 ** -100 ? 0 : value));
      if (values[index] === -Infinity) values[index] = 1;
      return { logits: values, index };
    }),
    noise: Float32Array.from(noise),
  }));

t.test('the given index has the largest z, and nothing is NaN or infinite that is not masked', (t) => {
  const property = fc.property(anyRows, ({ rows, noise }) => {
    const found = condition(rows, noise);
    const categories = rows[0].logits.length;
    for (let at = 0; at < noise.length; at++) {
      const { logits, index } = rows[Math.floor(at / categories) % rows.length];
      const most = found.z[at - (at % categories) + index];
      const logit = logits[at % categories];
      // l - max l leaves float32 only below -3.4e38: that z is -Infinity, and its sample 0, as in any draw.
      const mayVanish = logit - Math.max(...logits) < -float32Max / 2;
      if (!(most >= -2.83 && most <= 45.1 + Math.log(categories))) return false;
      if (!(found.z[at] <= most) || !Number.isFinite(found.noise[at])) return false;
      if (found.z[at] === -Infinity && !mayVanish) return false;
    }
    return true;
  });
  fc.assert(property, { seed: 20_261_126, numRuns: 2000 });
  t.end();
});

t.test('a draw has the bits that it has alone', (t) => {
  const property = fc.property(anyRows, ({ rows, noise }) => {
    const categories = rows[0].logits.length;
    const together = condition(rows, noise);
    for (let draw = 0; draw * categories < noise.length; draw++) {
      const from = draw * categories;
      const alone = condition([rows[draw % rows.length]], noise.slice(from, from + categories));
      for (const name of ['z', 'noise'] as const) {
        const own = together[name].slice(from, from + categories);
        if (!Buffer.from(own.buffer).equals(Buffer.from(alone[name].buffer))) return false;
      }
    }
    return true;
  });
  fc.assert(property, { seed: 20_261_126, numRuns: 500 });
  t.end();
});

t.test('where the largest z is far above the location of the index, float32 ties and the index stays', (t) => {
  // l'_0 + g_0 is 40 above z_1: the exact z_0 is z_1 - log1p(exp -40), the same float32.
  const { z } = condition([{ logits: Float32Array.of(0, -100), index: 1 }], Float32Array.of(42, 2));
  t.equal(z[0], z[1]);
  t.end();
});

t.test('a row of 2^17 categories, with noise at both ends', (t) => {
  const categories = 2 ** 17;
  const logits = Float32Array.from({ length: categories }, (_, k) => Math.fround(Math.sin(k)));
  const noise = Float32Array.from({ length: categories }, (_, k) => (k % 2 === 0 ? 45.05 : -2.82));
  for (const index of [0, 1, categories - 1]) {
    const { z } = condition([{ logits, index }], noise);
    // log sum exp l - max l of sines: log(K I_0(1)) - 1, as the mean of exp(sin) is I_0(1) = 1.2660658777520082. The
    // sines of integers are not quite uniform: 1e-4.
    const exact = Math.log(categories * 1.2660658777520082) - 1 + noise[index];
    t.ok(Math.abs(z[index] - exact) < 1e-4, `${z[index]} for ${exact}`);
    t.ok(z.every((value) => value <= z[index]));
  }
  t.end();
});

t.test('a row without a finite logit is a bug of ours', (t) => {
  const masked = { logits: Float32Array.of(-Infinity, -Infinity), index: 0 };
  t.throws(() => condition([masked], new Float32Array(2)), /This is a bug\.$/);
  t.end();
});
