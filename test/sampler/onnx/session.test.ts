import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import t from 'tap';
import { newMemory } from '../../../src/runtime/wasm.js';
import { createNoiseKernel } from '../../../src/sampler/noise/load-kernel.js';
import { completeGraph } from '../../../src/sampler/onnx/graphs.js';
import { openDrawGraphs } from '../../../src/sampler/onnx/session.js';
import { bits, gumbelNoise, testLogits, testTemperatures, uniform, WIDTHS } from '../../support/onnx-inputs.js';
import { referenceDraw } from '../../support/reference/gumbel-softmax.js';

const graphs = await openDrawGraphs('cpu');
t.teardown(() => graphs.close());

const complete = await InferenceSession.create(completeGraph(), { logSeverityLevel: 3 });
t.teardown(() => complete.release());

/** Draws by the complete graph, from logits that begin `skew` elements into their memory. */
async function draw(
  categories: number,
  logits: Float32Array,
  noise: Float32Array,
  temperature: number[],
  hard: number[] = [],
  skew = 0,
) {
  const rows = temperature.length;
  const skewed = new Float32Array(skew + logits.length).subarray(skew);
  skewed.set(logits);
  const flags = Uint8Array.from({ length: rows }, (_, row) => hard[row] ?? 0);
  const { samples, index } = await complete.run({
    logits: new Tensor('float32', skewed, [rows, categories]),
    noise: new Tensor('float32', noise, [rows, categories]),
    temperature: new Tensor('float32', Float32Array.from(temperature), [rows, 1]),
    hard: new Tensor('bool', flags, [rows, 1]),
  });
  return { samples: samples.data as Float32Array, indices: [...index.data].map(Number) };
}

/** z = (l - max l) + g, row by row, in float32. */
function perturbed(logits: Float32Array, noise: Float32Array, categories: number): Float32Array {
  const maxima = Array.from({ length: logits.length / categories }, (_, row) =>
    logits.subarray(row * categories, (row + 1) * categories).reduce((max, logit) => Math.max(max, logit)),
  );
  return noise.map((g, at) => Math.fround(logits[at] - maxima[Math.floor(at / categories)]) + g);
}

t.test('samples and indices follow the float64 reference', async (t) => {
  for (const categories of WIDTHS) {
    const rows = categories > 10_000 ? 2 : 8;
    const logits = testLogits(rows, categories, categories);
    const noise = gumbelNoise(rows * categories, categories + 1);
    const temperature = testTemperatures(rows, categories + 2);
    const drawn = await draw(categories, logits, noise, [...temperature]);

    let excess = 0;
    for (let row = 0; row < rows; row++) {
      const [from, to] = [row * categories, (row + 1) * categories];
      const reference = referenceDraw(logits.slice(from, to), noise.slice(from, to), temperature[row]);
      t.equal(drawn.indices[row], reference.index);
      for (let k = 0; k < categories; k++) {
        const error = Math.abs(drawn.samples[from + k] - reference.soft[k]);
        excess = Math.max(excess, error - tolerance(reference.soft[k], reference.scaled[k], categories));
      }
    }
    t.ok(excess <= 0, `${categories} categories: no error exceeds its bound`);
  }
});

/**
 * With u = 2^-24: z - max z, 1 / tau and their product are rounded once each, so x = (z - max z) / tau is off by at
 * most 3 u |x| and exp(x) by that much relatively, plus 4 u for the kernel's polynomial (documented as within 2 ulp).
 * The sum is off by the mean of those over the softmax, at most 3 u ln K + 4 u as sum y |x| <= ln K; it and the
 * quotient are float64, so one rounding is left. Together under (3 |x| + 3 ln K + 9) u, doubled for terms of second
 * order. Values up to 2^-126 become 0. The contract grants 1e-6 at most.
 */
function tolerance(soft: number, scaled: number, categories: number): number {
  if (soft === 0) return 0;
  const relative = 2 * (3 * Math.abs(scaled) + 3 * Math.log(categories) + 9) * 2 ** -24;
  return Math.min(1e-6, relative * soft + 2 ** -126);
}

t.test('a row has the same bits alone, in any batch, at any place and memory address', async (t) => {
  for (const categories of WIDTHS) {
    const large = categories > 10_000;
    const property = fc.asyncProperty(
      fc.integer(),
      fc.integer({ min: 1, max: large ? 3 : 70 }),
      fc.nat({ max: 7 }),
      fc.boolean(),
      async (seed, rows, skew, someHard) => {
        const elements = rows * categories;
        const logits = testLogits(rows, categories, seed);
        const noise = gumbelNoise(elements, seed + 1);
        const temperature = testTemperatures(rows, seed + 2);
        const hard = Array.from({ length: rows }, (_, row) => Number(someHard && row % 3 === 1));
        const batch = await draw(categories, logits, noise, [...temperature], hard, skew);
        for (let row = 0; row < Math.min(rows, 5); row++) {
          const [from, to] = [row * categories, (row + 1) * categories];
          const rowNoise = noise.slice(from, to);
          const alone = await draw(categories, logits.slice(from, to), rowNoise, [temperature[row]], [hard[row]]);
          if (alone.indices[0] !== batch.indices[row]) return false;
          if (!bits(alone.samples).equals(bits(batch.samples.subarray(from, to)))) return false;
        }
        return true;
      },
    );
    await fc.assert(property, { seed: 20261123, numRuns: large ? 4 : 25 });
    t.pass(`${categories} categories`);
  }
});

t.test('the lowest index wins a tie, and its one-hot row has exactly one 1', async (t) => {
  for (const categories of WIDTHS.filter((width) => width > 1)) {
    const last = categories - 1;
    const middle = last >> 1;
    const logits = new Float32Array(3 * categories).fill(-1);
    for (const element of [middle, last, categories, categories + last, 2 * categories + last]) logits[element] = 2;
    const noise = new Float32Array(3 * categories);
    const { samples, indices } = await draw(categories, logits, noise, [1, 1, 1], [1, 1, 1]);
    t.same(indices, [middle, 0, last], `${categories} categories`);
    const ones = [...samples.keys()].filter((element) => samples[element] === 1);
    t.same(ones, [middle, categories, 2 * categories + last]);
    t.equal(samples.filter((value) => Object.is(value, 0)).length, 3 * categories - 3);
    const all = await draw(categories, new Float32Array(categories), new Float32Array(categories), [1], [1]);
    t.same(all.indices, [0], 'all equal');
  }
});

t.test('a masked category is exactly 0 and never drawn, however large its noise', async (t) => {
  for (const categories of WIDTHS.filter((width) => width > 1)) {
    const logits = Float32Array.from({ length: categories }, (_, k) => (k % 2 === 1 ? -30 : -Infinity));
    const noise = logits.map((logit) => (logit === -Infinity ? 45.1 : -2.8));
    for (const temperature of [1e-6, 0.5, 1, 1e6]) {
      const { samples, indices } = await draw(categories, logits, noise, [temperature]);
      t.same(indices, [1]);
      t.ok(samples.every((value, k) => (k % 2 === 1 ? value > 0 : Object.is(value, 0))));
    }
  }
});

t.test('extreme logits and temperatures make no NaN', async (t) => {
  for (const categories of [2, 3, 17, 1000]) {
    const logits = Float32Array.from({ length: categories }, (_, k) => [3.4e38, -3.4e38, 0, -Infinity][k % 4]);
    const temperature = [1e-6, 1, 1e6, 1e-6, 1, 1e6];
    const rows = temperature.length;
    const batch = new Float32Array(rows * categories);
    for (let row = 0; row < rows; row++)
      batch.set(row < 3 ? logits : logits.map((l) => Math.min(l, -3.4e38)), row * categories);
    const { samples, indices } = await draw(
      categories,
      batch,
      gumbelNoise(batch.length, 3),
      temperature,
      [0, 0, 0, 0, 0, 1],
    );
    t.notOk(samples.some(Number.isNaN));
    t.ok(indices.every((index, row) => index % 4 === 0 || (row >= 3 && index % 4 !== 3)));
    for (let row = 0; row < rows; row++) {
      const total = samples.subarray(row * categories, (row + 1) * categories).reduce((sum, value) => sum + value, 0);
      t.ok(Math.abs(total - 1) < 1e-6, 'the row sums to 1');
    }
  }
});

t.test('a constant added to a row changes no bit', async (t) => {
  const [rows, categories] = [40, 10];
  const noise = gumbelNoise(rows * categories, 4);
  const next = uniform(5);
  const small = Float32Array.from(noise, () => Math.floor(8 * next()));
  const temperature = Array.from({ length: rows }, () => 0.7);
  const plain = await draw(categories, small, noise, temperature);
  const shifted = await draw(
    categories,
    small.map((logit) => logit + 1024),
    noise,
    temperature,
  );
  t.same(shifted.indices, plain.indices);
  t.ok(bits(shifted.samples).equals(bits(plain.samples)));

  const even = await draw(2, new Float32Array(2000), gumbelNoise(2000, 6), new Array(1000).fill(1));
  const large = await draw(2, new Float32Array(2000).fill(1e7), gumbelNoise(2000, 6), new Array(1000).fill(1));
  t.same(large.indices, even.indices, 'two equal logits of 1e7 draw as two zeros do');
  t.ok(bits(large.samples).equals(bits(even.samples)));
});

t.test('soft rows have the same bits in a run of hard rows or of other temperatures', async (t) => {
  for (const categories of WIDTHS) {
    const rows = categories > 10_000 ? 2 : 9;
    const last = rows - 1;
    const logits = testLogits(rows, categories, 9);
    const noise = gumbelNoise(rows * categories, 10);
    const ones = new Array<number>(rows).fill(1);
    const expected = await draw(categories, logits, noise, ones);
    const othersHard = await draw(categories, logits, noise, ones, [...ones.slice(1).map(() => 0), 1]);
    const othersWarm = await draw(categories, logits, noise, [...ones.slice(1), 0.3]);
    for (const { samples, indices } of [othersHard, othersWarm]) {
      t.same(indices, expected.indices, `${categories} categories`);
      t.ok(bits(samples.subarray(0, last * categories)).equals(bits(expected.samples.subarray(0, last * categories))));
    }
    const oneHot = Array.from({ length: categories }, (_, k) => Number(k === expected.indices[last]));
    t.same([...othersHard.samples.subarray(last * categories)], oneHot);
  }
});

/** Soft samples as a worker draws them. */
async function soft(rows: number, categories: number, z: Float32Array, temperature: Float32Array) {
  const kernel = createNoiseKernel(rows * categories);
  kernel.noise.set(z);
  kernel.temperatures.set(temperature);
  kernel.argmax(0, rows, categories);
  kernel.exponents(rows, categories);
  await graphs.exponential(kernel.samples);
  kernel.normalize(rows, categories);
  return kernel.samples;
}

/**
 * Both sum in float64, in another order: the quotients differ by K 2^-52 before they are rounded, so by one float32 at
 * most.
 */
t.test('the workers give the samples of the complete graph but for one unit in the last place', async (t) => {
  for (const categories of WIDTHS) {
    const rows = 6;
    const logits = testLogits(rows, categories, 14);
    const noise = gumbelNoise(rows * categories, 15);
    const z = perturbed(logits, noise, categories);
    for (const temperature of [testTemperatures(rows, 16), new Float32Array(rows).fill(1)]) {
      const { samples } = await draw(categories, logits, noise, [...temperature]);
      const own = await soft(rows, categories, z, temperature);
      const apart = own.filter((value, at) => Math.abs(value - samples[at]) > 2 ** -23 * samples[at]);
      t.equal(apart.length, 0, `${categories} categories`);
    }
  }
});

t.test('exponentials are taken in place, of views on WebAssembly memory too, and nothing else changes', async (t) => {
  const x = new Float32Array(newMemory(1, 1).buffer, 64, 4096).fill(-1);
  await graphs.exponential(x.subarray(100, 200));
  t.ok(x.subarray(100, 200).every((value) => Math.abs(value - Math.exp(-1)) < 2 ** -24));
  t.equal(x.filter((value) => value === -1).length, 4096 - 100);
});

t.test('an exponential has the same bits wherever it stands', async (t) => {
  const next = uniform(17);
  const x = Float32Array.from({ length: 5000 }, () => -100 * next() ** 3);
  const together = x.slice();
  await graphs.exponential(together);
  for (const [from, length] of [
    [0, 1],
    [1, 1],
    [5, 3],
    [9, 16],
    [16, 17],
    [33, 31],
    [100, 4000],
  ]) {
    const alone = x.slice(from, from + length);
    await graphs.exponential(alone);
    t.ok(bits(alone).equals(bits(together.subarray(from, from + length))), `${length} from ${from} on`);
  }
});
