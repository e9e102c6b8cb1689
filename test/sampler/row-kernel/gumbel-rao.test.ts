/** The Gumbel-Rao gradient of given noise: against torch's autograd, at extremes, and independent of its neighbours. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { RaoKernel } from '../../../src/sampler/row-kernel/rao-kernel.js';

interface Row {
  readonly logits: readonly (number | null)[];
  readonly index: number;
  readonly temperature: number;
  readonly cotangent: readonly number[];
  /** [inner draws][categories] */
  readonly noise: readonly (readonly number[])[];
}

const kernel = new RaoKernel();

/** Gradients of draws, each of a row of its own. */
function gradients(rows: readonly Row[]): Float64Array[] {
  const categories = rows[0].logits.length;
  const inner = rows[0].noise.length;
  kernel.reserve(categories);
  kernel.logits.set(rows.flatMap(({ logits }) => logits.map((logit) => logit ?? -Infinity)));
  kernel.temperature.set(rows.map(({ temperature }) => temperature));
  kernel.cotangents.set(rows.flatMap(({ cotangent }) => cotangent));
  kernel.indices.set(rows.map(({ index }) => index));
  kernel.begin(rows.length, categories, rows.length);
  for (let m = 0; m < inner; m++) {
    kernel.noise.set(rows.flatMap(({ noise }) => noise[m]));
    kernel.add(rows.length, categories, rows.length);
  }
  kernel.finish(rows.length, categories, rows.length, inner);
  return rows.map((_, row) => kernel.gradLogits.slice(row * categories, (row + 1) * categories));
}

t.test('it is what torch computes by autograd', (t) => {
  const url = new URL('../../../../test/fixtures/estimators_torch.json', import.meta.url);
  const { cases } = JSON.parse(readFileSync(url, 'utf8')) as {
    cases: (Row & { gumbel_rao_grad_logits: number[] })[];
  };
  for (const [at, row] of cases.entries()) {
    const [found] = gradients([row]);
    const largest = Math.max(...row.cotangent.map(Math.abs));
    for (const [k, expected] of row.gumbel_rao_grad_logits.entries()) {
      // float64 on both sides. z errs by about 2^-50 (its terms reach 40), which the temperature divides, in gradients
      // of at most 2 max |v| / tau.
      const tolerance = (2 ** -46 * largest) / row.temperature ** 2;
      t.ok(Math.abs(found[k] - expected) <= tolerance, `case ${at}, category ${k}: ${found[k]} for ${expected}`);
      if (row.logits[k] === null) t.ok(Object.is(found[k], 0), 'a masked category has the gradient 0');
    }
  }
  t.equal(cases.length, 8);
  t.end();
});

t.test('a draw has the bits that it has alone, whatever its width', (t) => {
  for (const categories of [1, 2, 3, 5, 16, 33]) {
    const rows = Array.from({ length: 4 }, (_, row): Row => {
      const wave = (shift: number) => Array.from({ length: categories }, (_, k) => Math.sin(7 * k + row + shift));
      return {
        logits: wave(0).map((value, k) => (k === 1 && row === 2 ? null : Math.fround(value))),
        index: row === 2 ? 0 : row % categories,
        temperature: Math.fround([0.1, 0.5, 1, 7][row]),
        cotangent: wave(1).map(Math.fround),
        noise: [2, 3, 4].map((shift) => wave(shift).map(Math.fround)),
      };
    });
    const together = gradients(rows);
    for (const [row, own] of together.entries()) {
      const [alone] = gradients([rows[row]]);
      t.ok(Buffer.from(own.buffer).equals(Buffer.from(alone.buffer)), `${categories} categories, row ${row}`);
    }
  }
  t.end();
});

t.test('extremes of logits, noise, temperatures and cotangents give finite gradients', (t) => {
  const float32Max = 3.4028234663852886e38;
  for (const logits of [
    [1e9, 0, -1e9],
    [3.4e38, -3.4e38, 0],
    [null, 0.5, null],
    [0, 0, 0],
  ]) {
    for (const temperature of [1e-6, 1, 1e6].map(Math.fround)) {
      for (const index of [0, 1, 2].filter((k) => logits[k] !== null)) {
        const noise = [
          [45.05, -2.82, 0],
          [-2.82, 45.05, 45.05],
          [0, 0, 0],
        ].map((row) => row.map(Math.fround));
        const [found] = gradients([{ logits, index, temperature, cotangent: [float32Max, -float32Max, 1], noise }]);
        t.ok(found.every(Number.isFinite), `${logits}, tau ${temperature}, index ${index}: ${found}`);
        t.ok(found.every((value, k) => logits[k] !== null || Object.is(value, 0)));
      }
    }
  }
  t.end();
});

t.test('more draws than fit, or more rows than draws, are a bug of ours', (t) => {
  const small = new RaoKernel();
  small.reserve(3);
  t.throws(() => small.begin(1, 20_000, 1), /This is a bug\.$/);
  t.throws(() => small.begin(1, 3, 2), /This is a bug\.$/);
  t.end();
});
