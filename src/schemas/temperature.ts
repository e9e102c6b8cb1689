/** The `temperature` field, in float32: one number for all rows, one per row, or a schedule with its step. */
import { z } from 'zod';
import { NumberMatrix } from '../json/number-matrix.js';
import { component } from './component.js';
import { entriesOf, isPerRow, isRagged, perRowText } from './entries.js';
import { type IssueSink, isEnough, report } from './issue.js';
import { nullText } from './issue-text.js';
import type { Logits } from './logits.js';
import { float32, nestedRows } from './nested.js';
import { indexPath } from './points.js';
import { readSchedule, scheduleJsonSchema } from './schedule.js';
import { isInTemperatureRange, temperatureMax, temperatureMin, temperatureRange } from './temperature-bounds.js';

/** Validated temperatures. */
export interface Temperature {
  /** Whether each row has a temperature. */
  readonly perRow: boolean;
  /** The shape in which they were sent, and come back: [] for one, else [B] or the leading shape of logits. */
  readonly shape: readonly number[];
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
    return scheduled === undefined ? undefined : { perRow: false, shape: [], values: Float32Array.of(scheduled) };
  }
  if (value instanceof NumberMatrix) return readMatrix(value, rowsMax, sink);
  if (Array.isArray(value)) return readArray(value, rowsMax, sink);
  return toTemperature([value], [], sink);
}

function temperatureMeta({ rowsMax }: TemperatureLimits) {
  return {
    ...component('Temperature', 0.5),
    description: `Temperature of the softmax, rounded to float32 and then ${temperatureRange}: one number for all rows, one per row (flat, or in the leading shape of logits), or a schedule and its step. 1 when absent. Near 0 soft samples are almost one-hot, far above 1 almost uniform. It never changes which category wins: to draw from softmax(logits / T), as language models do, divide the logits by T.`,
    oneOf: [
      oneTemperature,
      { ...component('TemperatureOfRows'), type: 'array', minItems: 1, maxItems: rowsMax, items: oneTemperature },
      nestedRows,
      scheduleJsonSchema,
    ],
  };
}

/** Whether there is one temperature, or one for each row. Reports an error otherwise. */
export function checkTemperatures({ perRow, shape }: Temperature, logits: Logits, sink: IssueSink): boolean {
  if (!perRow || isPerRow(shape, logits)) return true;
  report(sink, 'validation', ['temperature'], perRowText(logits));
  return false;
}

/** The temperatures of an array that the body parser has read as float32, with NaN for null. */
function readMatrix(matrix: NumberMatrix, rowsMax: number, sink: IssueSink): Temperature | undefined {
  if (isRagged(matrix, sink) || isTooLong(matrix.data.length, rowsMax, sink)) return undefined;
  return toTemperature(matrix.data, matrix.shape, sink);
}

/** The temperatures of a short array with values of another kind: reports those. */
function readArray(array: readonly unknown[], rowsMax: number, sink: IssueSink): Temperature | undefined {
  const entries = entriesOf(array);
  if (isTooLong(entries.values.length, rowsMax, sink)) return undefined;
  const temperature = toTemperature(entries.values, entries.shape, sink, (index) => entries.paths[index]);
  return temperature && !isRagged(entries, sink) ? temperature : undefined;
}

function isTooLong(count: number, rowsMax: number, sink: IssueSink): boolean {
  if (count > rowsMax) report(sink, 'validation', [], `must have one entry per row of logits, at most ${rowsMax}`);
  return count > rowsMax;
}

/**
 * Temperatures of the given shape, [] for one of all rows; undefined after an error has been reported.
 *
 * @param pathOf the path of an entry, for errors
 */
export function toTemperature(
  given: ArrayLike<unknown>,
  shape: readonly number[],
  sink: IssueSink,
  pathOf = (index: number) => indexPath(index, shape),
): Temperature | undefined {
  const values = new Float32Array(given.length);
  let wrong = 0;
  for (let row = 0; row < given.length && !isEnough(wrong); row++) {
    const value = given[row];
    // The type is checked first: converting an object to a number may throw.
    if (isLegal(value, row, pathOf, sink)) values[row] = value;
    else wrong += 1;
  }
  return wrong > 0 ? undefined : { perRow: shape.length > 0, shape, values };
}

function isSchedule(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof NumberMatrix);
}

function isLegal(value: unknown, row: number, pathOf: (row: number) => number[], sink: IssueSink): value is number {
  if (typeof value !== 'number' || Number.isNaN(value)) {
    // In an array read by the body parser, NaN stands for null.
    const isNull = value === null || typeof value === 'number';
    report(sink, 'validation', pathOf(row), isNull ? nullText('a number') : wrongType);
    return false;
  }
  if (isInTemperatureRange(value)) return true;
  report(sink, 'temperature-out-of-range', pathOf(row), outOfRange);
  return false;
}
