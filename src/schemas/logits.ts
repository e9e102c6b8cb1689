/**
 * The `logits` field: a NumberMatrix as the body parser leaves it becomes float32 logits ready to draw from, or coded
 * errors that point at the wrong element.
 */
import { z } from 'zod';
import { NumberMatrix } from '../json/number-matrix.js';
import { type IssueSink, isEnough, report } from './issue.js';

/** Validated logits, row-major. */
export interface Logits {
  /** 1 when the request gave one row without the outer brackets. */
  readonly rank: 1 | 2;
  readonly rows: number;
  readonly categories: number;
  /** float32 [rows, categories]; masked is -Infinity, every row has a finite logit, no magnitude lies in (0, 2^-100). */
  readonly data: Float32Array;
}

export interface LogitsLimits {
  readonly rowsMax: number;
  readonly categoriesMax: number;
}

/** Logits smaller in magnitude become +0: then no difference of two logits is a denormal, which GPUs flush (design, section 2). */
const smallestLogit = 2 ** -100;

export function logitsField(limits: LogitsLimits) {
  return z
    .unknown()
    .transform((value, context): Logits => {
      if (!(value instanceof NumberMatrix)) {
        reportWrongTypes(value, context);
        return z.NEVER;
      }
      return readLogits(value, limits, context) ?? z.NEVER;
    })
    .meta({
      description:
        'Unnormalised log-probabilities: one row [K] or B rows [B][K]. Rounded to float32. null masks a category: it is never drawn.',
      oneOf: [
        { type: 'array', minItems: 1, maxItems: limits.categoriesMax, items: { type: ['number', 'null'] } },
        {
          type: 'array',
          minItems: 1,
          maxItems: limits.rowsMax,
          items: { type: 'array', minItems: 1, maxItems: limits.categoriesMax, items: { type: ['number', 'null'] } },
        },
      ],
    });
}

/** Points at what keeps a value from being a matrix of numbers and nulls. */
function reportWrongTypes(value: unknown, sink: IssueSink): void {
  if (!Array.isArray(value)) {
    const message = value === undefined ? 'is required' : 'must be an array of numbers, or of such arrays';
    report(sink, 'validation', [], message);
    return;
  }
  let count = 0;
  const isNumber = (item: unknown) => item === null || typeof item === 'number';
  const rowsExpected = Array.isArray(value[0]);
  for (const [row, item] of value.entries()) {
    if (isEnough(count)) return;
    if (!rowsExpected && !isNumber(item)) {
      count += 1;
      report(sink, 'validation', [row], 'must be a number or null');
    } else if (rowsExpected && !Array.isArray(item)) {
      count += 1;
      report(sink, 'validation', [row], 'must be an array of numbers, as the first row is');
    } else if (rowsExpected) {
      const column = (item as unknown[]).findIndex((element) => !isNumber(element));
      if (column < 0) continue;
      count += 1;
      report(sink, 'validation', [row, column], 'must be a number or null');
    }
  }
}

/** The logits of a matrix, whose data is changed in place; undefined once what is wrong has been reported. */
export function readLogits(matrix: NumberMatrix, limits: LogitsLimits, sink: IssueSink): Logits | undefined {
  const { rank, rows, columns, data } = matrix;
  if (!isUsable(matrix, limits, sink)) return undefined;
  const right = maskRows(data, columns, 0, rows, (row) => (rank === 1 ? [] : [row]), sink);
  return right ? { rank: rank === 1 ? 1 : 2, rows, categories: columns, data } : undefined;
}

/** Whether the shape is legal and every number is finite in float32. */
function isUsable(matrix: NumberMatrix, limits: LogitsLimits, sink: IssueSink): boolean {
  const { rank, rows, columns, raggedRow } = matrix;
  if (rank === 3) {
    report(sink, 'validation', [0, 0], 'must be a number or null');
  } else if (raggedRow >= 0 && rows > 0) {
    report(sink, 'ragged-rows', [raggedRow], 'has another length than the first row');
  } else if (!isLegalShape(rows, columns, limits, sink)) {
    return false;
  } else if (matrix.infiniteCount > 0) {
    reportInfinite(matrix, sink);
  } else {
    return true;
  }
  return false;
}

/** Whether there is a logit and there are not too many rows or categories; false once what is wrong has been reported. */
export function isLegalShape(rows: number, categories: number, limits: LogitsLimits, sink: IssueSink): boolean {
  if (rows === 0 || categories === 0) {
    report(sink, 'empty-input', [], 'must hold at least one row with at least one category');
  } else if (rows > limits.rowsMax) {
    report(sink, 'too-many-elements', [], `has more than ${limits.rowsMax} rows`);
  } else if (categories > limits.categoriesMax) {
    report(sink, 'too-many-elements', [], `has more than ${limits.categoriesMax} categories`);
  } else {
    return true;
  }
  return false;
}

function reportInfinite({ rank, columns, data }: NumberMatrix, sink: IssueSink): void {
  let count = 0;
  for (let at = 0; at < data.length && !isEnough(count); at++) {
    if (Math.abs(data[at] as number) !== Number.POSITIVE_INFINITY) continue;
    count += 1;
    const column = at % columns;
    const path = rank === 1 ? [column] : [(at - column) / columns, column];
    report(sink, 'non-finite-logits', path, 'is infinite in float32');
  }
}

/**
 * Turns null, which is NaN here, into -Infinity and tiny logits into +0 in rows [from, to), in place. False once rows without a
 * finite logit have been reported.
 */
export function maskRows(
  data: Float32Array,
  categories: number,
  from: number,
  to: number,
  pathOf: (row: number) => number[],
  sink: IssueSink,
): boolean {
  let masked = 0;
  for (let row = from; row < to && !isEnough(masked); row++) {
    let finite = 0;
    for (let at = row * categories; at < (row + 1) * categories; at++) {
      const logit = data[at] as number;
      if (logit > Number.NEGATIVE_INFINITY) {
        finite += 1;
        if (logit < smallestLogit && logit > -smallestLogit) data[at] = 0;
      } else data[at] = Number.NEGATIVE_INFINITY;
    }
    if (finite > 0) continue;
    masked += 1;
    report(sink, 'all-masked-row', pathOf(row), 'has only masked categories: leave at least one finite logit');
  }
  return masked === 0;
}
