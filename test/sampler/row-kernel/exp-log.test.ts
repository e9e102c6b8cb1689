import t from 'tap';
import { RowKernel } from '../../../src/sampler/row-kernel/row-kernel.js';
import { exp, fixed, float, log } from '../../support/reference/fixed-point.js';

const { expOf, log1pOf, log1pWideOf, logOf } = new RowKernel().functions;

/** One unit in the last place of a normal float64. */
const ulp = (value: number) => 2 ** (Math.floor(Math.log2(Math.abs(value))) - 52);

t.test('the exponential is within 1 ulp of 192-bit arithmetic', async (t) => {
  // Down to -80: the reference has 2^-120 to spare there, 2^-5 ulp. Below, the mantissa comes from the same range of r.
  let worst = 0;
  for (let step = 0; step <= 20_000; step++) {
    const x = -80 * (step / 20_000) ** 3 * (1 - (step % 7) * 2 ** -30);
    const value = expOf(x);
    worst = Math.max(worst, Math.abs(float(fixed(value) - exp(fixed(x)))) / ulp(value));
  }
  t.ok(worst < 1, `worst ${worst.toFixed(3)} ulp`);
});

t.test('a far exponential is a power of two times a near one, and 0 below -708', async (t) => {
  // V8's is within 1 ulp too, so the two are within 2.
  for (let x = -80; x >= -708; x -= 0.37) t.ok(Math.abs(expOf(x) / Math.exp(x) - 1) <= 4 * 2 ** -53, `${x}`);
  for (const x of [-708.1, -745, -1e300, -Infinity]) t.equal(expOf(x), 0);
  t.equal(expOf(0), 1);
  t.equal(expOf(-0), 1);
});

t.test('an exponential above 1 is within 1 ulp up to e^20, and within 2 of V8 up to e^700', async (t) => {
  let worst = 0;
  for (let step = 0; step <= 5000; step++) {
    const x = 20 * (step / 5000) ** 3 * (1 - (step % 7) * 2 ** -30);
    const value = expOf(x);
    worst = Math.max(worst, Math.abs(float(fixed(value) - exp(fixed(x)))) / ulp(value));
  }
  t.ok(worst < 1, `worst ${worst.toFixed(3)} ulp`);
  for (let x = 20; x <= 700; x += 0.37) t.ok(Math.abs(expOf(x) / Math.exp(x) - 1) <= 4 * 2 ** -53, `${x}`);
});

t.test('the logarithm is within 1 ulp of 192-bit arithmetic', async (t) => {
  let worst = 0;
  for (let step = 1; step <= 20_000; step++) {
    const x = 1e-6 * 1e12 ** (step / 20_000);
    for (const value of [x, 1 + (step - 10_000) * 2 ** -20]) {
      if (value === 1) continue;
      worst = Math.max(worst, Math.abs(float(fixed(logOf(value)) - log(fixed(value)))) / ulp(logOf(value)));
    }
  }
  t.ok(worst < 1, `worst ${worst.toFixed(3)} ulp`);
});

t.test('the logarithm of 1 + x is within 2 ulp of 192-bit arithmetic', async (t) => {
  let worst = 0;
  for (let step = 1; step <= 20_000; step++) {
    // From 1e-9, where the reference has 2^-70 to spare, to 1e6.
    const x = 1e-9 * 1e15 ** (step / 20_000);
    const exact = float(log(fixed(1) + fixed(x)));
    worst = Math.max(worst, Math.abs(log1pWideOf(x) - exact) / ulp(exact));
  }
  t.ok(worst < 2.5, `worst ${worst.toFixed(3)} ulp, half of one from rounding the reference`);
  // Below, log(1 + x) = x - x^2 / 2 to far below an ulp. V8's is within 1 ulp, too.
  for (let x = 1e-9; x > 1e-300; x /= 3) t.ok(Math.abs(log1pWideOf(x) / (x - (x * x) / 2) - 1) <= 4 * 2 ** -53, `${x}`);
  for (const x of [1e10, 1e100, 1e300]) t.ok(Math.abs(log1pWideOf(x) / Math.log1p(x) - 1) <= 4 * 2 ** -53, `${x}`);
  t.equal(log1pWideOf(0), 0);
});

t.test('log1p is within 1.5 ulp of 192-bit arithmetic on [0, 1], and never negative', async (t) => {
  let worst = 0;
  for (let step = 1; step <= 20_000; step++) {
    // Evenly spread, and down to 1e-12: the reference, of 1 + x, has 2^-120 to spare there.
    for (const x of [step / 20_000, 1e-12 ** (step / 20_000)]) {
      const value = log1pOf(x);
      worst = Math.max(worst, Math.abs(float(fixed(value) - log(fixed(1) + fixed(x)))) / ulp(value));
    }
  }
  // The logarithm's ulp, and where 1 + x is halved at most half of one: x - 1 is rounded below x = 1/2.
  t.ok(worst < 1.5, `worst ${worst.toFixed(3)} ulp`);
  t.equal(log1pOf(0), 0);
  // Below, x itself is the nearest float64 number to log1p x.
  for (const x of [1e-17, 1e-100, 2 ** -1022]) t.equal(log1pOf(x), x);
});

t.test('the logarithm of the smallest and of nothing', async (t) => {
  t.equal(logOf(0), -Infinity);
  t.equal(logOf(1), 0);
  for (const x of [2 ** -149, 2 ** -126, 2 ** -1022])
    t.ok(Math.abs(logOf(x) / Math.log(x) - 1) <= 4 * 2 ** -53, `${x}`);
});
