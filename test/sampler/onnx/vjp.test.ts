import fc from 'fast-check';
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
import { bits, WIDTHS } from '../../support/onnx-inputs.js';
import { type BackwardRow, referenceVjp, weighted } from '../../support/reference/gradients.js';
import { vjpTolerance } from '../../support/tolerances.js';

t.teardown(() => graphs.close());

const isPositiveZero = (value: number) => Object.is(value, 0);

/** The largest error of a row as a fraction of what its tolerance grants: above 1 is a failure, and NaN is, too. */
function excess(plain: BackwardRow, gradLogits: Float64Array, gradTemperature: number): number {
  const reference = referenceVjp(plain);
  const tolerance = vjpTolerance(plain, reference);
  const ratios = Array.from(
    gradLogits,
    (value, k) => Math.abs(value - reference.gradLogits[k]) / tolerance.gradLogits[k],
  );
  ratios.push(Math.abs(gradTemperature - reference.gradTemperature) / tolerance.gradTemperature);
  return ratios.reduce((largest, ratio) => Math.max(largest, ratio), 0);
}

t.test('gradients follow the float64 reference, with masks and logits of 3.4e38 and -3.4e38', async (t) => {
  for (const [title, input] of COMPARED) {
    const { gradLogits, gradTemperature } = await run('vjp', input);
    for (const row of input.temperature.keys()) {
      const [from, to] = [row * input.categories, (row + 1) * input.categories];
      const ratio = excess(rowOf(input, row).plain, gradLogits.subarray(from, to), gradTemperature[row]);
      t.ok(ratio <= 1, `${title}: ${ratio}`);
    }
  }
});

t.test('gradients follow those of autograd in torch', async (t) => {
  for (const { expected, input } of torchCases()) {
    const { plain } = rowOf(input, 0);
    const { gradLogits, gradTemperature } = await run('vjp', input);
    const tolerance = vjpTolerance(plain, referenceVjp(plain));
    for (const [k, value] of gradLogits.entries())
      t.ok(
        Math.abs(value - expected.grad_logits[k]) <= tolerance.gradLogits[k],
        `${value}, torch ${expected.grad_logits[k]}`,
      );
    const error = Math.abs(gradTemperature[0] - expected.grad_temperature);
    t.ok(error <= tolerance.gradTemperature, `${gradTemperature[0]}, torch ${expected.grad_temperature}`);
  }
});

/** sum_k v_k softmax(d / tau)_k in float64. */
function softened(d: Float64Array, tau: number, cotangent: ArrayLike<number>): number {
  const largest = d.reduce((most, value) => Math.max(most, value), -Infinity);
  const weights = d.map((value) => Math.exp((value - largest) / tau));
  return weighted(weights, cotangent) / weights.reduce((sum, weight) => sum + weight, 0);
}

/** A step of the exponents d / tau: their central difference is off by about its square. */
const STEP = 1e-4;

/**
 * As a function of one exponent x alone the sum is w + (v_k - w) sigmoid(x - c), whose third derivative is at most |v_k
 * - w| / 8, so the difference is off by STEP^2 / 6 of that; and by the rounding of the sums, K 2^-52 max |v|, over
 * STEP.
 */
t.test('grad_logits is the central difference of <cotangent, soft>', async () => {
  const property = fc.asyncProperty(
    fc.integer(),
    fc.integer({ min: 1, max: 40 }),
    fc.boolean(),
    async (seed, categories, extreme) => {
      const input = extreme ? withExtremes(testRows(2, categories, seed)) : testRows(2, categories, seed);
      const { gradLogits } = await run('vjp', input);
      for (const row of [0, 1]) {
        const { plain } = rowOf(input, row);
        const { temperature: tau, cotangent } = plain;
        const reference = referenceVjp(plain);
        const tolerance = vjpTolerance(plain, reference).gradLogits;
        const largest = Math.max(...Array.from(cotangent, Math.abs));
        for (let k = 0; k < categories; k++) {
          const at = (step: number) => softened(reference.d.with(k, reference.d[k] + step * tau), tau, cotangent);
          const difference = (at(STEP) - at(-STEP)) / (2 * STEP * tau);
          const own = (largest / tau) * (STEP ** 2 / 24 + (categories * 2 ** -52) / STEP);
          if (!(Math.abs(gradLogits[row * categories + k] - difference) <= tolerance[k] + own)) return false;
        }
      }
      return true;
    },
  );
  await fc.assert(property, { seed: 20261123, numRuns: 60 });
});

/**
 * In beta = 1 / tau the third derivative of the sum is the joint cumulant of v, d, d and d under y, at most 2 max |v|
 * (m3 + 3 m1 m2) with the absolute central moments m of d; doubled, since they are taken in the middle of the step.
 */
t.test('grad_temperature is the central difference of <cotangent, soft>', async () => {
  const property = fc.asyncProperty(
    fc.integer(),
    fc.integer({ min: 1, max: 40 }),
    fc.boolean(),
    async (seed, categories, extreme) => {
      const input = extreme ? withExtremes(testRows(2, categories, seed)) : testRows(2, categories, seed);
      const { gradTemperature } = await run('vjp', input);
      for (const row of [0, 1]) {
        const { plain } = rowOf(input, row);
        const { temperature: tau, cotangent } = plain;
        const reference = referenceVjp(plain);
        const { y, d } = reference;
        const largest = Math.max(...Array.from(cotangent, Math.abs));
        const mean = weighted(y, d);
        const moment = (power: number) =>
          weighted(
            y,
            d.map((value) => Math.abs(value - mean) ** power),
          );
        const step = STEP / tau;
        const at = (beta: number) => softened(d, 1 / beta, cotangent);
        const difference = -((at(1 / tau + step) - at(1 / tau - step)) / (2 * step)) / tau ** 2;
        const third = 4 * largest * (moment(3) + 3 * moment(1) * moment(2));
        const own = ((step ** 2 / 6) * third + (categories * largest * 2 ** -52) / step) / tau ** 2;
        const tolerance = vjpTolerance(plain, reference).gradTemperature + own;
        if (!(Math.abs(gradTemperature[row] - difference) <= tolerance)) return false;
      }
      return true;
    },
  );
  await fc.assert(property, { seed: 20261123, numRuns: 100 });
});

t.test('a row has the same bits alone, in any batch, at any place and memory address', async (t) => {
  for (const categories of WIDTHS) {
    await assertRowsKeepTheirBits('vjp', categories);
    t.pass(`${categories} categories`);
  }
});

t.test('a category whose soft value is 0 gets +0, and its cotangent changes no bit', async (t) => {
  for (const categories of [2, 3, 17, 1000]) {
    const input = withExtremes(testRows(6, categories, 21));
    const { gradLogits } = await run('vjp', input);
    const soft = [...input.temperature.keys()].flatMap((row) => [...referenceVjp(rowOf(input, row).plain).y]);
    t.ok(gradLogits.every((value, element) => soft[element] > 0 || isPositiveZero(value)));
    for (const huge of [3.4e38, -3.4e38]) {
      const cotangent = input.cotangent.map((value, element) => (soft[element] > 0 ? value : huge));
      const others = await run('vjp', { ...input, cotangent });
      const plain = await run('vjp', { ...input, cotangent: cotangent.map((v) => (v === huge ? 0 : v)) });
      t.ok(bits(others.gradLogits).equals(bits(plain.gradLogits)));
      t.ok(bits(others.gradTemperature).equals(bits(plain.gradTemperature)));
    }
  }
});

t.test('a gradient may leave float32, and none is NaN', async (t) => {
  for (const categories of [1, 2, 3, 17, 1000]) {
    const rows = withExtremes(testRows(8, categories, 22));
    const temperature = rows.temperature.map((_, row) => [1e-6, 1e-3, 1, 1e6][row >> 1]);
    const cotangent = rows.cotangent.map((value) => 3.4e38 * Math.sign(value));
    const { gradLogits, gradTemperature } = await run('vjp', { ...rows, temperature, cotangent });
    t.notOk(gradLogits.some(Number.isNaN));
    t.notOk(gradTemperature.some(Number.isNaN));
  }
  const even = { categories: 2, logits: new Float32Array(2), noise: new Float32Array(2) };
  const cotangent = Float32Array.of(3.4e38, -3.4e38);
  // y (v - <v, y>) / tau with y = 1/2 and <v, y> = 0; the float32 0.1 and 3.4e38 are not quite these.
  const [large] = cotangent as unknown as [number];
  for (const temperature of [0.1, 1].map(Math.fround)) {
    const { gradLogits } = await run('vjp', { ...even, temperature: Float32Array.of(temperature), cotangent });
    t.same([...gradLogits], [(0.5 * large) / temperature, (-0.5 * large) / temperature]);
  }
});

t.test('one category has no gradient', async (t) => {
  const { gradLogits, gradTemperature } = await run('vjp', testRows(5, 1, 23));
  t.ok([...gradLogits, ...gradTemperature].every(isPositiveZero));
});

/**
 * What adding 2^20 to a cotangent of multiples of 2^-3 may change: the rounding of float64 sums, K 2^-51 of 2^20, over
 * tau.
 */
t.test('a constant added to the cotangent changes nothing that float32 would lose', async (t) => {
  const [rows, categories] = [20, 10];
  const input = testRows(rows, categories, 24);
  const cotangent = input.cotangent.map((value) => Math.round(8 * value) / 8);
  const plain = await run('vjp', { ...input, cotangent });
  const shifted = await run('vjp', { ...input, cotangent: cotangent.map((value) => value + 2 ** 20) });
  for (const [element, value] of plain.gradLogits.entries()) {
    const tau = input.temperature[Math.floor(element / categories)];
    const tolerance = 2 ** -23 * Math.abs(value) + (categories * 2 ** -31) / tau;
    t.ok(Math.abs(shifted.gradLogits[element] - value) <= tolerance, `${value}`);
  }
});
