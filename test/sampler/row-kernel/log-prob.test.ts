/**
 * Log-probabilities of categories and of orders without replacement, beside mpmath with up to 25,000 digits
 * (test/fixtures/make_log_prob_mpmath.py), and what is true of them whatever the row.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { createNoiseKernel } from '../../../src/sampler/noise/load-kernel.js';
import { LogProbKernel } from '../../../src/sampler/row-kernel/log-prob-kernel.js';
import { RowKernel } from '../../../src/sampler/row-kernel/row-kernel.js';
import { IndexLogProb } from '../../../src/sampler/worker/index-log-prob.js';

interface Fixture {
  readonly small: readonly {
    readonly name: string;
    readonly logits: readonly (number | null)[];
    readonly log_probs: readonly (number | null)[];
    readonly orders: readonly { readonly order: readonly number[]; readonly log_prob: number }[];
  }[];
  readonly long: readonly {
    readonly categories: number;
    readonly scale: number;
    readonly stride: number;
    readonly k: number;
    readonly indices: readonly number[];
    readonly log_probs: readonly number[];
    readonly log_prob: number;
  }[];
}

const { small, long } = JSON.parse(readFileSync('test/fixtures/log_prob_mpmath.json', 'utf8')) as Fixture;
const masked = -Infinity;
const kernel = new LogProbKernel();
const indexLogProb = new IndexLogProb(kernel);
const rowKernel = new RowKernel();

/** log softmax of every category. */
function logProbs(logits: Float32Array): Float64Array {
  const to = new Float64Array(logits.length);
  indexLogProb.write(logits, 1, Int32Array.from(logits.keys()), to);
  return to;
}

function orderLogProb(logits: Float32Array, order: ArrayLike<number>): number {
  kernel.reserve(logits.length);
  kernel.logits.set(logits);
  kernel.orders.set(order);
  kernel.orderLogProbs(1, logits.length, 1, order.length);
  return kernel.logProb[0];
}

/**
 * The documented bound is u (2 D + 16) with D at most 708, below 1.6e-13: 1e-12 is what is promised. Below K 2^-1021,
 * where a value may be 0, it is absolute.
 */
function isClose(actual: number, expected: number): boolean {
  if (expected === 0) return actual === 0;
  return Math.abs(actual - expected) <= Math.max(1e-12 * Math.abs(expected), 2 ** -1000);
}

t.test('of each category and of orders, to 1e-12 relative', async (t) => {
  for (const { name, logits, log_probs, orders } of small) {
    const row = Float32Array.from(logits, (logit) => logit ?? masked);
    const found = logProbs(row);
    for (const [index, expected] of log_probs.entries()) {
      if (expected === null) t.equal(found[index], masked, `${name}: ${index} is masked`);
      else t.ok(isClose(found[index], expected), `${name}: ${index} has ${found[index]}, not ${expected}`);
    }
    for (const { order, log_prob } of orders) {
      const own = orderLogProb(row, order);
      t.ok(isClose(own, log_prob), `${name}: ${order} has ${own}, not ${log_prob}`);
    }
  }
});

t.test('long rows, and orders of up to 131,072 categories, to 1e-12 relative', async (t) => {
  for (const { categories, scale, stride, k, indices, log_probs, log_prob } of long) {
    const logitOf = (_: unknown, index: number) => (((index * 2_654_435_761) % 4096) / 256 - 8) * scale;
    const row = Float32Array.from({ length: categories }, logitOf);
    const found = logProbs(row);
    for (const [at, index] of indices.entries()) t.ok(isClose(found[index], log_probs[at]), `${categories}: ${index}`);
    const order = Float64Array.from({ length: k }, (_, place) => (place * stride) % categories);
    const own = orderLogProb(row, order);
    t.ok(isClose(own, log_prob), `${k} of ${categories}: ${own}, not ${log_prob}`);
  }
});

/** Rows with a finite logit: moderate, extreme and masked ones. */
const rows = fc
  .array(
    fc.oneof(
      { arbitrary: fc.float({ noNaN: true, min: -50, max: 50 }).map((value) => value + 0), weight: 6 },
      {
        arbitrary: fc.constantFrom(masked, 0, 300, -300, 1e4, -1e4, 1e9, Math.fround(3.4e38), Math.fround(-3.4e38)),
        weight: 1,
      },
    ),
    { minLength: 1, maxLength: 60 },
  )
  .filter((values) => values.some(Number.isFinite))
  .map((values) => Float32Array.from(values));

t.test('the probabilities of all categories sum to 1', async () => {
  fc.assert(
    fc.property(rows, (row) => {
      const found = logProbs(row);
      const sum = found.reduce((total, value) => total + Math.exp(value), 0);
      // Each exponential errs by 1e-12 times its logarithm at most, and p |log p| is below 1.
      return (
        Math.abs(sum - 1) < 1e-10 && found.every((value, k) => value <= 0 && Number.isFinite(value) === row[k] > masked)
      );
    }),
    { seed: 22, numRuns: 2000 },
  );
});

/** All orders of k of the indices. */
function ordersOf(indices: readonly number[], k: number): number[][] {
  if (k === 0) return [[]];
  return indices.flatMap((first) =>
    ordersOf(
      indices.filter((index) => index !== first),
      k - 1,
    ).map((rest) => [first, ...rest]),
  );
}

t.test('the probabilities of all orders of k sum to 1', async (t) => {
  for (const values of [
    [1, 0.5, -1, 0.2, 2],
    [0, 0, 0, 0],
    [30, 0, -30, 15, 15.5],
    [masked, 1, 2, masked, 3],
    [0, 1e4, -1e4, 0.5],
  ]) {
    const row = Float32Array.from(values);
    const unmasked = [...row.keys()].filter((index) => row[index] > masked);
    for (let k = 1; k <= unmasked.length; k++) {
      const sum = ordersOf(unmasked, k).reduce((total, order) => total + Math.exp(orderLogProb(row, order)), 0);
      // At most 120 terms below 1, each right to 1e-12 times its logarithm.
      t.ok(Math.abs(sum - 1) < 1e-12, `${values}, k = ${k}: ${sum}`);
    }
  }
});

t.test('an order of one has the log-probability of its category', async () => {
  fc.assert(
    fc.property(rows, (row) => {
      const found = logProbs(row);
      return found.every((value, index) => value === masked || isClose(orderLogProb(row, [index]), value));
    }),
    { seed: 23, numRuns: 500 },
  );
});

t.test('nothing legal gives NaN or infinity, and no log-probability is above 0', async () => {
  fc.assert(
    fc.property(rows, fc.nat(), (row, seed) => {
      const order = [...row.keys()].filter((index) => row[index] > masked);
      // A permutation by the seed: which one does not matter.
      order.sort((a, b) => ((a * 7919 + seed) % 101) - ((b * 7919 + seed) % 101));
      const value = orderLogProb(row, order);
      return Number.isFinite(value) && value <= 0;
    }),
    { seed: 24, numRuns: 2000 },
  );
});

/** The outputs of the top k of one row. */
function top(
  logits: Float32Array,
  noise: Float32Array,
  k: number,
  wanted = { scores: true, threshold: true, logProb: true },
) {
  rowKernel.reserve(logits.length, true);
  rowKernel.logits.set(logits);
  rowKernel.noise.set(noise);
  rowKernel.drawTop(1, logits.length, 1, k, wanted);
  return {
    indices: [...rowKernel.topIndices.subarray(0, k)],
    scores: [...rowKernel.topScores.subarray(0, k)],
    threshold: rowKernel.topThreshold[0],
    logProb: rowKernel.topLogProb[0],
  };
}

function noiseOf(length: number, seed: number): Float32Array {
  const noiseKernel = createNoiseKernel(length);
  noiseKernel.fill(0, length, 0, 0, seed, 0);
  return noiseKernel.noise.slice();
}

/** Checks the outputs of the top k against the whole order: that of all unmasked categories. */
function agreesWithWhole(row: Float32Array, seed: number, k: number): boolean {
  const noise = noiseOf(row.length, seed);
  const found = logProbs(row);
  const unmasked = row.filter((logit) => logit > masked).length;
  const whole = top(row, noise, unmasked, { scores: false, threshold: false, logProb: false }).indices;
  const { indices, scores, threshold, logProb } = top(row, noise, k);
  const next = whole[k];
  return (
    indices.every((index, place) => index === whole[place]) &&
    scores.every((score, place) => score === found[indices[place]] + noise[indices[place]]) &&
    threshold === (next === undefined ? masked : found[next] + noise[next]) &&
    logProb === orderLogProb(row, indices)
  );
}

t.test(
  'scores are phi + g, the threshold that of the next category, the probability that of the order: same bits',
  async () => {
    fc.assert(
      fc.property(rows, fc.nat(), fc.nat(), (row, seed, choice) => {
        const unmasked = row.filter((logit) => logit > masked).length;
        return agreesWithWhole(row, seed, 1 + (choice % unmasked));
      }),
      { seed: 25, numRuns: 1000 },
    );
  },
);

t.test('the same at every size where the selection changes', async (t) => {
  // 16: the most that is kept sorted by insertion; from 4096 categories on, a quarter of them is selected first.
  for (const categories of [17, 40, 5000]) {
    for (const masks of [false, true]) {
      const row = Float32Array.from({ length: categories }, (_, k) => (masks && k % 2 ? masked : 3 * Math.sin(k * k)));
      const unmasked = row.filter((logit) => logit > masked).length;
      for (const k of [1, 2, 15, 16, 17, 1249, 1250, unmasked - 1, unmasked]) {
        if (k <= unmasked) t.ok(agreesWithWhole(row, 7, k), `${k} of ${unmasked} in ${categories}`);
      }
    }
  }
});

t.test('rows and samples of a block do not mix', async (t) => {
  const [categories, rowCount, draws, k] = [5, 2, 6, 3];
  const logits = Float32Array.from({ length: rowCount * categories }, (_, at) => Math.sin(at));
  const noise = noiseOf(draws * categories, 3);
  rowKernel.reserve(categories, true);
  rowKernel.logits.set(logits);
  rowKernel.noise.set(noise);
  rowKernel.drawTop(draws, categories, rowCount, k, { scores: true, threshold: true, logProb: true });
  const scores = rowKernel.topScores.slice(0, draws * k);
  const thresholds = rowKernel.topThreshold.slice(0, draws);
  const logProbs = rowKernel.topLogProb.slice(0, draws);
  for (let draw = 0; draw < draws; draw++) {
    const row = (draw % rowCount) * categories;
    const alone = top(logits.slice(row, row + categories), noise.slice(draw * categories, (draw + 1) * categories), k);
    t.same([...scores.subarray(draw * k, (draw + 1) * k)], alone.scores);
    t.same([thresholds[draw], logProbs[draw]], [alone.threshold, alone.logProb]);
  }
});
