/** The `temperature` field, in float32: one number for all rows, one per row, or a schedule with its step. */
import { z } from 'zod';
import { NumberMatrix } from '../json/number-matrix.js';
import { component } from './component.js';
import { type IssueSink, isEnough, report } from './issue.js';
import { nullText } from './issue-text.js';
import { float32 } from './nested.js';
import { readSchedule, scheduleJsonSchema } from './schedule.js';
import { isInTemperatureRange, temperatureMax, temperatureMin, temperatureRange } from './temperature-bounds.js';

/** Validated temperatures. */
export interface Temperature {
  /** Whether each row has a temperature. */
  readonly perRow: boolean;
  /** float32: one value, or one per row; each in 1e-6 .. 1e6. */
  readonly values: Float32Array;
}

const outOfRange =
  `must be ${temperatureRange}; for exact one-hot samples send hard: true, ` +
  'for the most likely category noise: "none", hard: true';

const bounds = { minimum: temperatureMin, maximum: temperatureMax };
const oneTemperature = { ...component('TemperatureNumber'), ...float32, ...bounds };
const wrongType = 'must be a number, an array of numbers, one per row, or a schedule';

interface TemperatureLimits {
  readonly rowsMax: number;
}

export function temperatureField(limits: TemperatureLimits) {
  return z
    .unknown()
    .default(1)
    .transform((value, context): Temperature => readTemperature(value, limits, context) ?? z.NEVER)
    .meta(temperatureMeta(limits));
}

/** The same without a default, for requests in which a temperature may be a mistake. */
export function optionalTemperatureField(limits: TemperatureLimits) {
  return z
    .unknown()
    .optional()
    .transform((value, context): Temperature | undefined =>
      value === undefined ? undefined : (readTemperature(value, limits, context) ?? z.NEVER),
    )
    .meta(temperatureMeta(limits));
}

function readTemperature(
  value: unknown,
  { rowsMax }: TemperatureLimits,
  sink: z.RefinementCtx<unknown>,
): Temperature | undefined {
  if (isSchedule(value)) {
    const scheduled = readSchedule(value, sink);
    return scheduled === undefined ? undefined : { perRow: false, values: Float32Array.of(scheduled) };
  }
  const given = listOf(value);
  const perRow = given !== undefined;
  if (perRow && given.length > rowsMax) {
    report(sink, 'validation', [], `must have one entry per row of logits, at most ${rowsMax}`);
    return undefined;
  }
  return toTemperature(given ?? [value], perRow, sink);
}

function temperatureMeta({ rowsMax }: TemperatureLimits) {
  return {
    ...component('Temperature', 0.5),
    description: `Temperature of the softmax, rounded to float32 and then ${temperatureRange}: one number for all rows, one per row, or a schedule and its step. 1 when absent. Near 0 soft samples are almost one-hot, far above 1 almost uniform. It never changes which category wins: to draw from softmax(logits / T), as language models do, divide the logits by T.`,
    oneOf: [
      oneTemperature,
      { ...component('TemperatureOfRows'), type: 'array', minItems: 1, maxItems: rowsMax, items: oneTemperature },
      scheduleJsonSchema,
    ],
  };
}

/** Whether there is one temperature, or one for each row. Reports an error otherwise. */
export function checkTemperatures({ perRow, values }: Temperature, rows: number, sink: IssueSink): boolean {
  if (!perRow || values.length === rows) return true;
  report(sink, 'validation', ['temperature'], `must have one entry per row of logits (${rows})`);
  return false;
}

/** The entries of an array. If the body parser found only numbers and nulls, they are float32, with NaN for null. */
function listOf(value: unknown): ArrayLike<unknown> | undefined {
  if (value instanceof NumberMatrix) return value.rank === 1 ? value.data : [undefined];
  return Array.isArray(value) ? value : undefined;
}

export function toTemperature(given: ArrayLike<unknown>, perRow: boolean, sink: IssueSink): Temperature | undefined {
  const values = new Float32Array(given.length);
  let wrong = 0;
  for (let row = 0; row < given.length && !isEnough(wrong); row++) {
    const value = given[row];
    // The type is checked first: converting an object to a number may throw.
    if (isLegal(value, perRow ? [row] : [], sink)) values[row] = value;
    else wrong += 1;
  }
  return wrong > 0 ? undefined : { perRow, values };
}

function isSchedule(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof NumberMatrix);
}

function isLegal(value: unknown, path: number[], sink: IssueSink): value is number {
  if (typeof value !== 'number' || Number.isNaN(value)) {
    // In an array read by the body parser, NaN stands for null.
    const isNull = value === null || typeof value === 'number';
    report(sink, 'validation', path, isNull ? nullText('a number') : wrongType);
    return false;
  }
  if (isInTemperatureRange(value)) return true;
  report(sink, 'temperature-out-of-range', path, outOfRange);
  return false;
}
