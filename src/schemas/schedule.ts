/**
 * Temperature schedules: a temperature as a function of the training step, sent instead of a number. `temperature.ts`
 * rounds the result to float32 and decides which fields accept a schedule.
 */
import { z } from 'zod';
import { fieldErrorsMax } from '../errors.js';
import { component } from './component.js';
import { report } from './issue.js';
import { isInTemperatureRange, temperatureMax, temperatureMin, temperatureRange } from './temperature-bounds.js';

function temperature(description: string) {
  return z
    .number()
    .superRefine((value, context) => {
      if (isInTemperatureRange(value)) return;
      report(context, 'temperature-out-of-range', [], `must be ${temperatureRange}`);
    })
    .meta({ minimum: temperatureMin, maximum: temperatureMax, description });
}

function integer(from: number, description: string) {
  const error = `must be an integer from ${from} to 2^53 - 1`;
  return z.int({ error }).min(from, { error }).meta({ description });
}

const initial = temperature('Temperature at step 0.');
const minimum = temperature('Temperature that the schedule ends at and never goes below. At most `initial`.');
const step = integer(0, 'Training step to take the temperature of, counted from 0.');
const steps = integer(1, 'Step at which `minimum` is reached. Later steps stay there.');
const rateError = 'must be a finite number, at least 0';
const rate = z
  .number({ error: ({ input }) => (input === null ? undefined : rateError) })
  .min(0, { error: rateError })
  .meta({ description: 'Decay per step. Jang et al. use 1e-5 and 1e-4.' });

const strict = <T extends z.core.$ZodLooseShape>(name: string, shape: T, example: object) =>
  z.strictObject(shape).meta(component(name, example));

const scheduleSchema = z.discriminatedUnion(
  'schedule',
  [
    strict(
      'ExponentialSchedule',
      { schedule: z.literal('exponential'), initial, minimum, rate, step },
      { schedule: 'exponential', initial: 1, minimum: 0.5, rate: 0.0001, step: 3000 },
    ),
    strict(
      'LinearSchedule',
      { schedule: z.literal('linear'), initial, minimum, steps, step },
      { schedule: 'linear', initial: 1, minimum: 0.5, steps: 10_000, step: 3000 },
    ),
    strict(
      'CosineSchedule',
      { schedule: z.literal('cosine'), initial, minimum, steps, step },
      { schedule: 'cosine', initial: 1, minimum: 0.5, steps: 10_000, step: 3000 },
    ),
  ],
  { error: 'must be "exponential", "linear" or "cosine"' },
);

/** A validated schedule. */
export type Schedule = z.output<typeof scheduleSchema>;

/** JSON schema of a schedule: one of three objects, for the OpenAPI document. */
export const scheduleJsonSchema = describeSchedule();

function describeSchedule(): z.core.JSONSchema.BaseSchema {
  const { $schema: _, ...schema } = z.toJSONSchema(scheduleSchema, { io: 'input' });
  return {
    ...schema,
    ...component('TemperatureSchedule', { schedule: 'linear', initial: 1, minimum: 0.5, steps: 10_000, step: 3000 }),
    // With a discriminator, and without `type: object`, ajv as Redocly configures it accepts any value that is not an
    // object.
    type: 'object',
    discriminator: {
      propertyName: 'schedule',
      mapping: {
        exponential: '#/components/schemas/ExponentialSchedule',
        linear: '#/components/schemas/LinearSchedule',
        cosine: '#/components/schemas/CosineSchedule',
      },
    },
    description:
      'Schedule of the temperature t over training steps. exponential: t = max(minimum, initial * exp(-rate * step)) (Jang et al. 2016). With p = min(step / steps, 1), linear: t = initial + (minimum - initial) * p; cosine: t = minimum + (initial - minimum) * (1 + cos(pi * p)) / 2. The reply carries the temperature used.',
  };
}

/**
 * The temperature of a schedule; undefined after an error has been reported, at a path relative to the schedule.
 *
 * A minimum above the initial temperature is rejected as a mistake. The exponential schedule would be constant, and the
 * others would rise from below their own minimum.
 */
export function readSchedule(value: object, context: z.RefinementCtx): number | undefined {
  const { data, error } = scheduleSchema.safeParse(value);
  if (error) {
    for (const issue of error.issues.slice(0, fieldErrorsMax)) context.addIssue({ ...issue });
    return undefined;
  }
  if (data.minimum > data.initial) {
    report(context, 'validation', ['minimum'], 'must be at most initial: a schedule cools down');
    return undefined;
  }
  return temperatureAt(data);
}

/**
 * The temperature at a step, in float64, always within [minimum, initial].
 *
 *   exponential   max(minimum, initial exp(-rate step))                (Jang et al. 2016, section 4.2)
 *   linear        initial + (minimum - initial) p                      p = min(step / steps, 1)
 *   cosine        minimum + (initial - minimum) (1 + cos(pi p)) / 2
 *
 * The last two are evaluated as initial w + minimum (1 - w), where w = q or w = sin(pi q / 2)^2, and
 * q = 1 - p = (steps - step) / steps. The values are the same, but exact at both ends and with a relative error below
 * 30 * 2^-53 between them, also from 1e6 down to 1e-6. The exponential schedule is as accurate: where it is above its
 * minimum, rate step < 28.
 */
export function temperatureAt(schedule: Schedule): number {
  const { initial, minimum, step } = schedule;
  if (schedule.schedule === 'exponential') return Math.max(minimum, initial * Math.exp(-schedule.rate * step));
  if (step >= schedule.steps) return minimum;
  const q = (schedule.steps - step) / schedule.steps;
  const weight = schedule.schedule === 'linear' ? q : Math.sin((Math.PI / 2) * q) ** 2;
  const between = initial * weight + minimum * (1 - weight);
  return Math.min(initial, Math.max(minimum, between));
}
