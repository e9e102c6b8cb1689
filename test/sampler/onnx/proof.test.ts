/** The proof must pass what is right and find each way in which a provider is known to go wrong. */
import t from 'tap';
import { disproof, knownInput, type RunSoft } from '../../../src/sampler/onnx/proof.js';
import { openDrawGraphs } from '../../../src/sampler/onnx/session.js';

const cpu = await openDrawGraphs('cpu');
t.teardown(() => cpu.close());

/** The CPU's answers after a fault is worked into them. */
const faulty =
  (fault: (samples: Float32Array, rows: number, z: Float32Array) => void): RunSoft =>
  async (rows, categories, z, temperature) => {
    const samples = await cpu.soft(rows, categories, z, temperature);
    fault(samples, rows, z);
    return samples;
  };

t.test('the known input has masks, a tie and the extremes of temperature, and no row without a category', async (t) => {
  const { rows, z, temperature } = knownInput(10);
  t.equal(rows, 25);
  t.same(
    [Math.fround(1e-6), 1e6].map((value) => temperature.includes(value)),
    [true, true],
  );
  t.ok(z.includes(Number.NEGATIVE_INFINITY));
  for (let row = 0; row < rows; row++) t.ok(z.subarray(row * 10, row * 10 + 10).some(Number.isFinite));
});

t.test('the CPU agrees with itself', async (t) => {
  t.equal(await disproof(cpu.soft, cpu.soft), undefined);
});

t.test('a difference of less than 1e-6 passes, one of more is named with its place', async (t) => {
  const shifted = (by: number) =>
    faulty((samples) =>
      samples.forEach((value, at) => {
        if (value > 0.1) samples[at] = value + by;
      }),
    );
  t.equal(await disproof(shifted(5e-7), cpu.soft), undefined);
  t.match(
    await disproof(shifted(2e-6), cpu.soft),
    /its softmax is \S+ where the CPU has \S+ \(row \d+, category \d+ of \d+\)/,
  );
});

t.test('a masked category that is not exactly 0 is found, however small', async (t) => {
  const leaky = faulty((samples, _, z) => {
    const masked = z.indexOf(Number.NEGATIVE_INFINITY);
    if (masked >= 0) samples[masked] = 1e-38;
  });
  t.match(await disproof(leaky, cpu.soft), /where the CPU has 0/);
});

t.test('NaN is found', async (t) => {
  t.match(
    await disproof(
      faulty((samples) => samples.fill(Number.NaN, 0, 1)),
      cpu.soft,
    ),
    /its softmax is NaN/,
  );
});

t.test('a row that has other bits alone than among others is found', async (t) => {
  const dependent = faulty((samples, rows) => {
    if (rows === 1) samples[0] = (samples[0] as number) + 2 ** -24;
  });
  t.match(await disproof(dependent, cpu.soft), /has other bits alone than among 25/);
});
