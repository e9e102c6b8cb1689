/** The proof must pass what is right and find each way in which a provider is known to go wrong. */
import t from 'tap';
import { disproof, knownInput, type RunExponential } from '../../../src/sampler/onnx/proof.js';
import { openDrawGraphs } from '../../../src/sampler/onnx/session.js';

const cpu = await openDrawGraphs('cpu');
t.teardown(() => cpu.close());

/** The CPU's answers after a fault is worked into them. */
const faulty =
  (fault: (values: Float32Array, x: Float32Array) => void): RunExponential =>
  async (values) => {
    const x = values.slice();
    await cpu.exponential(values);
    fault(values, x);
  };

t.test('the known input has masks, extremes and numbers close to 0, and none above 0', async (t) => {
  const x = knownInput();
  t.ok(x.includes(Number.NEGATIVE_INFINITY));
  t.ok(x.includes(Math.fround(-3.4e38)));
  t.ok(x.includes(-(2 ** -149)));
  t.ok(x.every((value) => value <= 0));
});

t.test('the CPU agrees with itself', async (t) => {
  t.equal(await disproof(cpu.exponential, cpu.exponential), undefined);
});

t.test('an exponential may be off by a few units, and one of more is named', async (t) => {
  const shifted = (units: number) =>
    faulty((values, x) =>
      values.forEach((value, at) => {
        if (x[at] < -0.01) values[at] = value * (1 + units * 2 ** -23);
      }),
    );
  t.equal(await disproof(shifted(2), cpu.exponential), undefined);
  t.match(await disproof(shifted(8), cpu.exponential), /its exponential of -\S+ is \S+ where the CPU has \S+/);
});

t.test('a masked category that is not 0 is found', async (t) => {
  const leaky = faulty((values, x) => values.set([1e-37], Math.max(0, x.indexOf(Number.NEGATIVE_INFINITY))));
  t.match(await disproof(leaky, cpu.exponential), /where the CPU has 0/);
});

t.test('NaN is found', async (t) => {
  const broken = faulty((values) => values.fill(Number.NaN, 0, 1));
  t.match(await disproof(broken, cpu.exponential), /is NaN/);
});

t.test('a value that has other bits alone than among others is found', async (t) => {
  const dependent = faulty((values, x) => {
    if (x.length < 100) values[0] = values[0] * (1 - 2 ** -23);
  });
  t.match(await disproof(dependent, cpu.exponential), /have other exponentials alone than among/);
});
