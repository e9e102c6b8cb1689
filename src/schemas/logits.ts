/**
 * The `logits` field. A NumberMatrix from the body parser becomes float32 logits, or errors that point at the wrong
 * elements.
 */
import { z } from 'zod';
import { NumberMatrix } from '../json/number-matrix.js';
import { inSlices } from '../runtime/event-loop-turns.js';
import { component } from './component.js';
import { scanFloats } from './float-scan/float-scan.js';
import { type IssueSink, isEnough, report } from './issue.js';
import { deepArray, scalar } from './nested.js';
import { indexPath } from './points.js';
import { reportWrongTypes } from './wrong-types.js';

/** Validated logits, row-major. */
export interface Logits {
  /** The axes in front of the categories, at most 7: [] for a single row without outer brackets, [B], [A, B], ... */
  readonly leadingShape: readonly number[];
  readonly rows: number;
  readonly categories: number;
  /** float32 [rows, categories]. Masked is -Infinity; every row has a finite logit; no magnitude is in (0, 2^-100). */
  readonly data: Float32Array;
}

/** The shape of logits, and of a sample of all rows. */
export function logitsShape({ leadingShape, categories }: Logits): number[] {
  return [...leadingShape, categories];
}

export interface LogitsLimits {
  readonly rowsMax: number;
  readonly categoriesMax: number;
}

/**
 * Logits of a smaller magnitude become +0. Then no difference of two logits is a denormal, which GPUs flush
 * (docs/design.md, "Mathematics").
 */
const smallestLogit = 2 ** -100;

function logitsRow({ categoriesMax }: LogitsLimits) {
  const items = scalar('MaskedFloat32');
  return { ...component('LogitsRow'), type: 'array', minItems: 1, maxItems: categoriesMax, items };
}

function logitsRows(limits: LogitsLimits) {
  const items = logitsRow(limits);
  return { ...component('LogitsRows'), type: 'array', minItems: 1, maxItems: limits.rowsMax, items };
}

function logitsBlock(limits: LogitsLimits) {
  const items = logitsRows(limits);
  return { ...component('LogitsBlock'), type: 'array', minItems: 1, maxItems: limits.rowsMax, items };
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
        'Unnormalised log-probabilities: one row [K], rows [B][K], or rows with up to seven leading axes, numbered row-major; replies have these axes, too. Rounded to float32. null masks a category: it is never drawn. JSON.stringify writes NaN and Infinity as null, too; masks: "refuse" finds such mistakes.',
      oneOf: [logitsRow(limits), logitsRows(limits), logitsBlock(limits), deepArray],
    });
}

/** Elements checked in one turn of the event loop: about a millisecond. */
const turnElements = 2 ** 18;

/** For fewer elements a loop costs less than a call of the kernel. */
const kernelElementsMin = 256;

/** A matrix whose elements have been checked, with its errors, up to as many as a reply lists. */
export class ScannedMatrix {
  readonly matrix: NumberMatrix;
  /** Row-major indices of infinite logits. */
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
 * Makes logits of a JSON array's numbers, in place and in several turns of the event loop if there are many. Null,
 * which is NaN here, becomes -Infinity; tiny logits become +0. The schema does the same in one turn to an array that
 * has not been scanned.
 */
export function scanLogits(matrix: NumberMatrix): ScannedMatrix | Promise<ScannedMatrix> {
  const { data, infiniteCount, raggedPath, shape } = matrix;
  const infinites: number[] = [];
  // Infinite logits are rejected, and a ragged array has no rows to mask.
  const isRefused = infiniteCount > 0 || raggedPath !== undefined;
  const masking = new Masking(data, categoriesOf(shape));
  const step = (from: number, to: number) => {
    if (!isRefused) masking.step(from, to);
    else if (infiniteCount > 0) findInfinites(data, from, to, infinites);
    return isEnough(infinites.length) || isEnough(masking.maskedRows.length);
  };
  const waiting = inSlices(data.length, turnElements, step);
  const result = () => new ScannedMatrix(matrix, infinites, masking.maskedRows);
  return waiting ? waiting.then(result) : result();
}

function categoriesOf(shape: readonly number[]): number {
  return shape[shape.length - 1];
}

function scanInOneGo(matrix: NumberMatrix): ScannedMatrix {
  const scanned = scanLogits(matrix);
  if (scanned instanceof Promise) throw new Error('Large logits reached their schema unscanned. This is a bug.');
  return scanned;
}

function findInfinites(data: Float32Array, from: number, to: number, infinites: number[]): void {
  for (let index = from; index < to && !isEnough(infinites.length); index++) {
    if (Math.abs(data[index]) === Number.POSITIVE_INFINITY) infinites.push(index);
  }
}

/** The logits of a matrix; undefined after an error has been reported. */
export function readLogits(scanned: ScannedMatrix, limits: LogitsLimits, sink: IssueSink): Logits | undefined {
  const { shape, data } = scanned.matrix;
  if (!isUsable(scanned, limits, sink)) return undefined;
  const leadingShape = shape.slice(0, -1);
  reportMaskedRows(scanned.maskedRows, (row) => indexPath(row, leadingShape), sink);
  if (scanned.maskedRows.length > 0) return undefined;
  return { leadingShape, rows: productOf(leadingShape), categories: categoriesOf(shape), data };
}

function productOf(sizes: readonly number[]): number {
  let product = 1;
  for (const size of sizes) product *= size;
  return product;
}

/** Whether the shape is legal and every number is finite in float32. */
function isUsable({ matrix, infinites }: ScannedMatrix, limits: LogitsLimits, sink: IssueSink): boolean {
  const { shape, raggedPath } = matrix;
  if (raggedPath) {
    const what =
      raggedPath.length === shape.length - 1
        ? 'length than the first row: send rows of one length'
        : 'number of entries than the first array of its depth: send arrays of one size';
    report(sink, 'ragged-rows', raggedPath, `has another ${what}`);
  } else if (!isLegalShape(productOf(shape.slice(0, -1)), categoriesOf(shape), limits, sink)) {
    return false;
  } else if (matrix.infiniteCount > 0) {
    for (const index of infinites) {
      const text = 'is infinite in float32: send a magnitude of at most 3.4028235e38';
      report(sink, 'non-finite-logits', indexPath(index, shape), text);
    }
  } else {
    return true;
  }
  return false;
}

/** Whether there is a logit, and not too many rows or categories. Reports an error otherwise. */
export function isLegalShape(rows: number, categories: number, limits: LogitsLimits, sink: IssueSink): boolean {
  if (rows === 0 || categories === 0) {
    report(sink, 'empty-input', [], 'must have at least one row with at least one category');
  } else if (rows > limits.rowsMax) {
    report(sink, 'too-many-elements', [], `has more than ${limits.rowsMax} rows`);
  } else if (categories > limits.categoriesMax) {
    report(sink, 'too-many-elements', [], `has more than ${limits.categoriesMax} categories`);
  } else {
    return true;
  }
  return false;
}

export function reportMaskedRows(rows: readonly number[], pathOf: (row: number) => number[], sink: IssueSink): void {
  for (const row of rows) {
    report(sink, 'all-masked-row', pathOf(row), 'has only masked categories: leave at least one finite logit');
  }
}

/**
 * Replaces null, which is NaN here, with -Infinity and tiny logits with +0, in place and slice by slice, and finds the
 * rows without a finite logit. No element may be +Infinity.
 */
export class Masking {
  readonly #data: Float32Array;
  readonly #categories: number;
  /** Rows without a finite logit, up to as many as a reply lists. */
  readonly maskedRows: number[] = [];
  /** Whether the incomplete row at the end of the last slice had a finite logit. */
  #finite = false;

  constructor(data: Float32Array, categories: number) {
    this.#data = data;
    this.#categories = categories;
  }

  /** Masks elements [from, to), which follow those of the last call. */
  step(from: number, to: number): void {
    if (to - from < kernelElementsMin) {
      this.#mask(from, to);
      return;
    }
    const { notFinite, tiny } = scanFloats(this.#data, from, to);
    if (notFinite || tiny) this.#mask(from, to);
    else this.#finite = to % this.#categories !== 0;
  }

  #mask(from: number, to: number): void {
    const categories = this.#categories;
    for (let start = from; start < to && !isEnough(this.maskedRows.length); ) {
      const end = Math.min(start - (start % categories) + categories, to);
      const finite = maskElements(this.#data, start, end) || this.#finite;
      const ended = end % categories === 0;
      if (ended && !finite) this.maskedRows.push(end / categories - 1);
      this.#finite = finite && !ended;
      start = end;
    }
  }
}

/** Masks elements [from, to). Returns whether one of them is finite. */
function maskElements(data: Float32Array, from: number, to: number): boolean {
  let finite = false;
  for (let index = from; index < to; index++) {
    const logit = data[index];
    if (logit > Number.NEGATIVE_INFINITY) {
      finite = true;
      if (logit < smallestLogit && logit > -smallestLogit) data[index] = 0;
    } else data[index] = Number.NEGATIVE_INFINITY;
  }
  return finite;
}
