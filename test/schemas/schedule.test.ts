import fc from 'fast-check';
import t from 'tap';
import { z } from 'zod';
import type { Problem } from '../../src/errors.js';
import { validationProblem } from '../../src/schemas/issue.js';
import { readSchedule, type Schedule, scheduleJsonSchema, temperatureAt } from '../../src/schemas/schedule.js';

/** As a field reads it: the temperature, or the Problem of a body whose `temperature` is this. */
function read(value: object): number | Problem {
  const field = z.unknown().transform((given, context) => readSchedule(given as object, context) ?? z.NEVER);
  const result = z.object({ temperature: field }).safeParse({ temperature: value });
  return result.success ? result.data.temperature : validationProblem(result.error);
}

/** Code, and pointers with messages, of what is wrong. */
function wrong(value: object): [string, ...string[]] {
  const problem = read(value);
  if (typeof problem === 'number') return ['none'];
  return [problem.code, ...(problem.errors ?? []).map(({ pointer, message }) => `${pointer} ${message}`)];
}

const jang = { schedule: 'exponential', initial: 1, minimum: 0.5 } as const;
const linear: Schedule = { schedule: 'linear', initial: 2, minimum: 0.5, steps: 1000, step: 0 };
const cosine: Schedule = { ...linear, schedule: 'cosine' };

t.test('the exponential schedule follows values worked by hand at the constants of Jang et al.', async (t) => {
  // With x = rate * step, e^-x = 1 - x + x^2/2 - x^3/6 + x^4/24 - ..., and the minimum 0.5 is reached at x = log 2 =
  // 0.693147.
  for (const [rate, step, expected] of [
    // x = 0.005: 1 - 0.005 + 0.0000125 - 0.0000000208333 + 0.000000000026 = 0.9950124791927
    [1e-5, 500, 0.9950124791927],
    // x = 0.01: 1 - 0.01 + 0.00005 - 0.000000166667 + 0.000000000417 - 0.000000000001 = 0.990049833749
    [1e-5, 1000, 0.990049833749],
    // x = 0.1: 1 - 0.1 + 0.005 - 0.000166666667 + 0.000004166667 - 0.000000083333 + 0.000000001389 - 0.00000000002 =
    // 0.904837418036
    [1e-5, 10_000, 0.904837418036],
    // x = 1: 1/e = 0.3679 is below the minimum.
    [1e-5, 100_000, 0.5],
    // x = 0.05: 1 - 0.05 + 0.00125 - 0.0000208333333 + 0.0000002604167 - 0.0000000026042 + 0.0000000000217 =
    // 0.9512294245009
    [1e-4, 500, 0.9512294245009],
    // x = 0.1, as above.
    [1e-4, 1000, 0.904837418036],
    // x = 1: below the minimum.
    [1e-4, 10_000, 0.5],
    // x = 10: below the minimum.
    [1e-4, 100_000, 0.5],
  ] as const) {
    const temperature = temperatureAt({ ...jang, rate, step });
    // The series above are rounded to 12 places, each term by at most 0.5e-12, and there are up to 7.
    t.ok(Math.abs(temperature - expected) <= 4e-12, `rate ${rate}, step ${step}: ${temperature} is ${expected}`);
  }
  t.equal(temperatureAt({ ...jang, rate: 1e-4, step: 0 }), 1);
  t.equal(temperatureAt({ ...jang, rate: 0, step: 1e9 }), 1, 'a rate of 0 keeps the initial temperature');
  t.equal(temperatureAt({ ...jang, rate: 1e308, step: 2 ** 53 - 1 }), 0.5, 'an overflowing product is the minimum');
});

t.test('the linear schedule goes from initial to minimum in a straight line, and stays', async (t) => {
  // 2 + (0.5 - 2) p, exact in binary at these p.
  for (const [step, expected] of [
    [0, 2],
    [250, 1.625],
    [500, 1.25],
    [750, 0.875],
    [1000, 0.5],
    [1001, 0.5],
    [2 ** 53 - 1, 0.5],
  ] as const) {
    t.equal(temperatureAt({ ...linear, step }), expected, `step ${step}`);
  }
  t.equal(temperatureAt({ ...linear, steps: 1, step: 1 }), 0.5);
});

t.test('the cosine schedule goes from initial to minimum along half a cosine, and stays', async (t) => {
  // 0.5 + 1.5 (1 + cos(pi p)) / 2 with cos(pi / 3) = 1/2, cos(pi / 2) = 0, cos(2 pi / 3) = -1/2, cos(pi / 4) =
  // 0.70710678118654752.
  for (const [steps, step, expected] of [
    [900, 0, 2],
    [900, 300, 1.625],
    [900, 450, 1.25],
    [900, 600, 0.875],
    [1000, 250, 0.5 + 0.75 * 1.7071067811865475],
    [900, 900, 0.5],
    [900, 901, 0.5],
    [900, 2 ** 53 - 1, 0.5],
  ] as const) {
    const temperature = temperatureAt({ ...cosine, steps, step });
    t.ok(Math.abs(temperature / expected - 1) <= 30 * 2 ** -53, `step ${step} of ${steps}: ${temperature}`);
  }
});

t.test('a schedule never leaves [minimum, initial], never rises, and is exact at both ends', async () => {
  const temperature = fc.double({ min: -6, max: 6, noNaN: true }).map((exponent) => 10 ** exponent);
  const steps = fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
  const step = fc.oneof(fc.nat(2000), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 1 }));
  const rate = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(temperature, temperature, steps, step, rate, (a, b, steps, step, rate) => {
      const ends = { initial: Math.max(a, b), minimum: Math.min(a, b) };
      const schedules: Schedule[] = [
        { schedule: 'exponential', ...ends, rate, step },
        { schedule: 'linear', ...ends, steps, step },
        { schedule: 'cosine', ...ends, steps, step },
      ];
      return schedules.every((schedule) => {
        const now = temperatureAt(schedule);
        const next = temperatureAt({ ...schedule, step: step + 1 });
        // Two steps next to each other may differ by less than the rounding errors of each.
        return (
          now >= ends.minimum &&
          now <= ends.initial &&
          next <= now * (1 + 64 * 2 ** -53) &&
          temperatureAt({ ...schedule, step: 0 }) === ends.initial &&
          (schedule.schedule === 'exponential' || temperatureAt({ ...schedule, step: steps }) === ends.minimum)
        );
      });
    }),
    { seed: 9, numRuns: 2000 },
  );
});

t.test('a legal schedule reads as its temperature', async (t) => {
  t.equal(read({ ...jang, rate: 1e-4, step: 10_000 }), 0.5);
  t.equal(read({ ...linear, step: 500 }), 1.25);
  t.equal(read({ ...cosine, steps: 2, step: 1 }), temperatureAt({ ...cosine, steps: 2, step: 1 }));
  t.equal(read({ ...linear, initial: 1e6, minimum: 1e-6, step: 1000 }), 1e-6, 'the bounds are legal');
  t.equal(read({ ...linear, initial: 0.5, minimum: 0.5 }), 0.5, 'and so is a schedule that goes nowhere');
});

t.test('what is wrong with a schedule has its code and its place', async (t) => {
  const range = 'must be from 1e-6 to 1e6';
  const whole = (from: number) => `must be an integer from ${from} to 2^53 - 1`;
  const rate = { ...jang, rate: 1e-4, step: 500 };
  const { step: _, ...stepless } = linear;
  for (const [value, expected] of [
    [{}, ['validation', '/temperature/schedule must be "exponential", "linear" or "cosine"']],
    [[], ['validation', '/temperature must be "exponential", "linear" or "cosine"']],
    [
      { ...rate, schedule: 'step' },
      ['validation', '/temperature/schedule must be "exponential", "linear" or "cosine"'],
    ],
    [{ ...rate, initial: 0 }, ['temperature-out-of-range', `/temperature/initial ${range}`]],
    [{ ...rate, initial: 1e7 }, ['temperature-out-of-range', `/temperature/initial ${range}`]],
    [{ ...rate, minimum: 0 }, ['temperature-out-of-range', `/temperature/minimum ${range}`]],
    [{ ...rate, minimum: -1 }, ['temperature-out-of-range', `/temperature/minimum ${range}`]],
    [{ ...rate, initial: '1' }, ['validation', '/temperature/initial must be a number, not a string']],
    [
      { ...rate, minimum: null },
      [
        'validation',
        '/temperature/minimum must be a number, not null, which is what JSON.stringify makes of NaN and Infinity',
      ],
    ],
    [{ ...rate, minimum: 2 }, ['validation', '/temperature/minimum must be at most initial: a schedule cools down']],
    [{ ...rate, rate: -1e-9 }, ['validation', '/temperature/rate must be a finite number, at least 0']],
    [{ ...rate, rate: Infinity }, ['validation', '/temperature/rate must be a finite number, at least 0']],
    [{ ...rate, step: -1 }, ['validation', `/temperature/step ${whole(0)}`]],
    [{ ...rate, step: 0.5 }, ['validation', `/temperature/step ${whole(0)}`]],
    [{ ...rate, step: 2 ** 53 }, ['validation', `/temperature/step ${whole(0)}`]],
    [{ ...linear, steps: 0 }, ['validation', `/temperature/steps ${whole(1)}`]],
    [{ ...cosine, steps: '9' }, ['validation', `/temperature/steps ${whole(1)}`]],
    [stepless, ['validation', `/temperature/step ${whole(0)}`]],
    [
      { ...linear, secret: 1 },
      [
        'validation',
        '/temperature/secret "secret" is not a field here; the fields are schedule, initial, minimum, steps, step',
      ],
    ],
    [
      { ...linear, rate: 1 },
      [
        'validation',
        '/temperature/rate "rate" is not a field here: the schedule exponential has it, linear and cosine have steps',
      ],
    ],
    [
      { ...linear, initial: 0, steps: 0 },
      ['temperature-out-of-range', `/temperature/initial ${range}`, `/temperature/steps ${whole(1)}`],
    ],
  ] as const) {
    t.strictSame(wrong(value), expected, JSON.stringify(value));
  }
});

t.test('the JSON schema is one of three closed objects', async (t) => {
  const variants = scheduleJsonSchema.oneOf as { required: string[]; additionalProperties: boolean }[];
  t.strictSame(
    variants.map(({ required, additionalProperties }) => [...required, additionalProperties]),
    [
      ['schedule', 'initial', 'minimum', 'rate', 'step', false],
      ['schedule', 'initial', 'minimum', 'steps', 'step', false],
      ['schedule', 'initial', 'minimum', 'steps', 'step', false],
    ],
  );
  t.notMatch(JSON.stringify(scheduleJsonSchema), /\$schema|\$ref/, 'and can stand inside an OpenAPI document');
});
