/**
 * The `logits` field: a NumberMatrix as the body parser leaves it becomes float32 logits ready to draw from, or coded
 * errors that point at the wrong element.
 */
import { z } from 'zod';
import { NumberMatrix } from '../json/number-matrix.js';
import { inSlices } from '../runtime/event-loop-turns.js';
import { component } from './component.js';
import { scanFloats } from './float-scan/float-scan.js';
import { type IssueSink, isEnough, report } from './issue.js';
import { scalar } from './nested.js';

/** Validated logits, row-major. */
export interface Logits {
  /** 1 when the request gave one row without the outer brackets. */
  readonly rank: 1 | 2;
  readonly rows: number;
  readonly categories: number;
  /**
   * float32 [rows, categories]; masked is -Infinity, every row has a finite logit, no magnitude lies in (0, 2^-100).
   */
  readonly data: Float32Array;
}

export interface LogitsLimits {
  readonly rowsMax: number;
  readonly categoriesMax: number;
}

/**
 * Logits smaller in magnitude become +0: then no difference of two logits is a denormal, which GPUs flush (design,
 * section 2).
 */
const smallestLogit = 2 ** -100;

function logitsRow({ categoriesMax }: LogitsLimits) {
  const items = scalar('MaskedFloat32');
  return { ...component('LogitsRow'), type: 'array', minItems: 1, maxItems: categoriesMax, items };
}

export function logitsField(limits: LogitsLimits) {
  return z
    .unknown()
    .transform((value, context): Logits => {
      const scanned = value instanceof NumberMatrix ? scanInOneGo(value) : value;
      if (!(scanned instanceof ScannedMatrix)) {
        reportWrongTypes(value, context);
        return z.NEVER;
      }
      return readLogits(scanned, limits, context) ?? z.NEVER;
    })
    .meta({
      ...component('Logits', [
        [1, 0.5, -1],
        [0, null, 0],
      ]),
      description:
        'Unnormalised log-probabilities: one row [K] or B rows [B][K]. Rounded to float32. null masks a category: it is never drawn. JSON.stringify writes NaN and Infinity as null, too; masks: "refuse" finds such mistakes.',
      oneOf: [
        logitsRow(limits),
        { ...component('LogitsRows'), type: 'array', minItems: 1, maxItems: limits.rowsMax, items: logitsRow(limits) },
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
      const isRow = Array.isArray(item) && row > 0;
      report(sink, 'validation', [row], `must be a number or null${isRow ? ', as the first entry is' : ''}`);
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

/** Elements looked at in one turn of the event loop, at up to four nanoseconds each. */
const turnElements = 2 ** 18;

/** For so few a loop costs less than the kernel that can spare it. */
const fewElements = 256;

/** A matrix whose elements have been looked at: what is wrong with them, up to as much as a reply names. */
export class ScannedMatrix {
  readonly matrix: NumberMatrix;
  /** Places of infinite logits. */
  readonly infinites: readonly number[];
  /** Rows without a finite logit. */
  readonly maskedRows: readonly number[];

  constructor(matrix: NumberMatrix, infinites: readonly number[], maskedRows: readonly number[]) {
    this.matrix = matrix;
    this.infinites = infinites;
    this.maskedRows = maskedRows;
  }
}

/**
 * Makes logits of the numbers of a JSON array, in place and in turns of the event loop: null, which is NaN here,
 * becomes -Infinity, and tiny ones +0. The schema does the same to an array that it gets unscanned, in one go.
 */
export function scanLogits(matrix: NumberMatrix): ScannedMatrix | Promise<ScannedMatrix> {
  const { data, infiniteCount, raggedRow, rank, columns } = matrix;
  const infinites: number[] = [];
  // Infinite logits are refused, and a ragged array or one of rank 3 has no rows.
  const isRefused = infiniteCount > 0 || raggedRow >= 0 || rank === 3;
  const masking = new Masking(data, columns);
  const step = (from: number, to: number) => {
    if (!isRefused) masking.step(from, to);
    else if (infiniteCount > 0) findInfinites(data, from, to, infinites);
    return isEnough(infinites.length) || isEnough(masking.maskedRows.length);
  };
  const waiting = inSlices(data.length, turnElements, step);
  const result = () => new ScannedMatrix(matrix, infinites, masking.maskedRows);
  return waiting ? waiting.then(result) : result();
}

function scanInOneGo(matrix: NumberMatrix): ScannedMatrix {
  const scanned = scanLogits(matrix);
  if (scanned instanceof Promise) throw new Error('Large logits came unscanned to their schema. This is a bug.');
  return scanned;
}

function findInfinites(data: Float32Array, from: number, to: number, infinites: number[]): void {
  for (let at = from; at < to && !isEnough(infinites.length); at++) {
    if (Math.abs(data[at] as number) === Number.POSITIVE_INFINITY) infinites.push(at);
  }
}

/** The logits of a matrix; undefined once what is wrong has been reported. */
export function readLogits(scanned: ScannedMatrix, limits: LogitsLimits, sink: IssueSink): Logits | undefined {
  const { rank, rows, columns, data } = scanned.matrix;
  if (!isUsable(scanned, limits, sink)) return undefined;
  reportMaskedRows(scanned.maskedRows, (row) => (rank === 1 ? [] : [row]), sink);
  if (scanned.maskedRows.length > 0) return undefined;
  return { rank: rank === 1 ? 1 : 2, rows, categories: columns, data };
}

/** Whether the shape is legal and every number is finite in float32. */
function isUsable({ matrix, infinites }: ScannedMatrix, limits: LogitsLimits, sink: IssueSink): boolean {
  const { rank, rows, columns, raggedRow } = matrix;
  if (rank === 3) {
    report(sink, 'validation', [0, 0], 'must be a number or null');
  } else if (raggedRow >= 0 && rows > 0) {
    report(sink, 'ragged-rows', [raggedRow], 'has another length than the first row');
  } else if (!isLegalShape(rows, columns, limits, sink)) {
    return false;
  } else if (matrix.infiniteCount > 0) {
    reportInfinites(matrix, infinites, sink);
  } else {
    return true;
  }
  return false;
}

/**
 * Whether there is a logit and there are not too many rows or categories; false once what is wrong has been reported.
 */
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

function reportInfinites({ rank, columns }: NumberMatrix, infinites: readonly number[], sink: IssueSink): void {
  for (const at of infinites) {
    const column = at % columns;
    const path = rank === 1 ? [column] : [(at - column) / columns, column];
    report(sink, 'non-finite-logits', path, 'is infinite in float32');
  }
}

export function reportMaskedRows(rows: readonly number[], pathOf: (row: number) => number[], sink: IssueSink): void {
  for (const row of rows) {
    report(sink, 'all-masked-row', pathOf(row), 'has only masked categories: leave at least one finite logit');
  }
}

/**
 * Turns null, which is NaN here, into -Infinity and tiny logits into +0, in place and a slice after another, and finds
 * the rows without a finite logit. None may be +Infinity.
 */
export class Masking {
  readonly #data: Float32Array;
  readonly #categories: number;
  /** Rows without a finite logit, up to as many as a reply names. */
  readonly maskedRows: number[] = [];
  /** Whether the row that the last slice ended in had a finite logit. */
  #finite = false;

  constructor(data: Float32Array, categories: number) {
    this.#data = data;
    this.#categories = categories;
  }

  /** Does elements [from, to), which follow those done before. */
  step(from: number, to: number): void {
    if (to - from < fewElements) {
      this.#mask(from, to);
      return;
    }
    const { notFinite, tiny } = scanFloats(this.#data, from, to);
    if (notFinite || tiny) this.#mask(from, to);
    else this.#finite = to % this.#categories !== 0;
  }

  #mask(from: number, to: number): void {
    const categories = this.#categories;
    for (let at = from; at < to && !isEnough(this.maskedRows.length); ) {
      const end = Math.min(at - (at % categories) + categories, to);
      const finite = maskElements(this.#data, at, end) || this.#finite;
      const ended = end % categories === 0;
      if (ended && !finite) this.maskedRows.push(end / categories - 1);
      this.#finite = finite && !ended;
      at = end;
    }
  }
}

/** Whether one of the elements is finite. */
function maskElements(data: Float32Array, from: number, to: number): boolean {
  let finite = false;
  for (let at = from; at < to; at++) {
    const logit = data[at] as number;
    if (logit > Number.NEGATIVE_INFINITY) {
      finite = true;
      if (logit < smallestLogit && logit > -smallestLogit) data[at] = 0;
    } else data[at] = Number.NEGATIVE_INFINITY;
  }
  return finite;
}
