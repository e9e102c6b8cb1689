/**
 * Parses a request body: JSON.parse, except that arrays of numbers under the given names become NumberMatrix, read from the
 * bytes by WebAssembly at a fraction of the cost and without holding the thread. Whether a value makes sense is for the schemas.
 *
 * As with JSON.parse the last of several members of one name wins. Unlike JSON.parse, a body that is not UTF-8 is malformed,
 * and so is one with a key that could reach a prototype (forbidden-keys.ts).
 */
import { isUtf8 } from 'node:buffer';
import { BodyScan } from './body-scan.js';
import { textBytesMax } from './codec-instance.js';
import { fieldPlacesOf } from './field-names.js';
import { holdsForbiddenKey, mayHoldForbiddenKey } from './forbidden-keys.js';
import { MalformedJsonError } from './malformed-json-error.js';
import { sliceBytesMin } from './matrix-reader.js';
import type { NumberMatrix } from './number-matrix.js';
import { PlainJsonTooLargeError } from './plain-json-too-large-error.js';
import { nextTurn } from './turn.js';

export interface ParseOptions {
  /** Bytes of text given to WebAssembly at once. Default and maximum 65,536; tests make it small. */
  readonly sliceBytesMax?: number;
  /** Bytes of text parsed in one turn of the event loop. Default 256 KiB: 1 to 4 ms, the longer the shorter the numbers. */
  readonly turnBytesMax?: number;
  /**
   * Bytes outside the matrices, each matrix counting as a thousand. JSON.parse reads them in one turn at 5 to 10 ns a byte, so
   * this bounds that turn; more are refused with PlainJsonTooLargeError. Default 4 MiB: 65,536 seeds and as many temperatures at
   * their longest are 3 MiB. A body whose temperatures are a matrix too needs 2 MiB.
   */
  readonly plainBytesMax?: number;
}

const turnBytesDefault = 262_144;
const plainBytesDefault = 2_097_152;
/** A suspicious rest up to this length is walked for forbidden keys, in half a millisecond; a longer one is refused unseen. */
const walkedCharactersMax = 16_384;
/** `null` and a matrix are both objects to V8, so putting the matrix in does not change how it stores the body's other fields. */
const MATRIX_PLACEHOLDER = 'null';

/**
 * Gives the value at once, without a promise, if the body is small. `matrixFields` names members of the body, or as
 * `list[].name` members of the objects in one of its lists.
 */
export function parseBody(
  body: Buffer,
  matrixFields: ReadonlySet<string>,
  options: ParseOptions = {},
): unknown | Promise<unknown> {
  const sliceBytesMax = options.sliceBytesMax ?? textBytesMax;
  const turnBytesMax = options.turnBytesMax ?? turnBytesDefault;
  const plainBytesMax = options.plainBytesMax ?? plainBytesDefault;
  if (sliceBytesMax < sliceBytesMin || sliceBytesMax > textBytesMax) {
    throw new Error(`A slice of ${sliceBytesMax} bytes was asked for. This is a bug.`);
  }
  const scan = new BodyScan(body, fieldPlacesOf(matrixFields), sliceBytesMax);
  // Several bodies can be complete in one turn of the loop, so only small ones are parsed as they come.
  const small = body.length <= Math.max(turnBytesMax / 4, sliceBytesMin);
  if (small && scanTurn(scan, turnBytesMax)) return finish(body, scan, plainBytesMax);
  return parseInTurns(body, scan, turnBytesMax, plainBytesMax);
}

/** The same in one go, whatever the size. */
export function parseBodySync(body: Buffer, matrixFields: ReadonlySet<string>, options: ParseOptions = {}): unknown {
  return parseBody(body, matrixFields, { ...options, turnBytesMax: Number.POSITIVE_INFINITY });
}

async function parseInTurns(body: Buffer, scan: BodyScan, turnBytesMax: number, plainBytesMax: number) {
  do {
    if (scan.plainBytes > plainBytesMax) throw tooLarge(plainBytesMax);
    await nextTurn();
  } while (!scanTurn(scan, turnBytesMax));
  return finish(body, scan, plainBytesMax);
}

function tooLarge(bytesMax: number): PlainJsonTooLargeError {
  return new PlainJsonTooLargeError(`The body holds more than ${bytesMax} bytes outside its arrays of numbers.`);
}

/** Scans until a turn's worth is done; returns whether that was all. */
function scanTurn(scan: BodyScan, turnBytesMax: number): boolean {
  let cost = 0;
  while (!scan.finished) {
    if (cost >= turnBytesMax) return false;
    cost += scan.step();
  }
  return true;
}

/** Parses what is left of the body and puts the matrices in. */
function finish(body: Buffer, scan: BodyScan, plainBytesMax: number): unknown {
  if (scan.plainBytes > plainBytesMax) throw tooLarge(plainBytesMax);
  const rest = restOf(body, scan);
  let value: unknown;
  try {
    value = JSON.parse(rest);
  } catch (error) {
    throw new MalformedJsonError('The body is not JSON.', bytePosition(error, rest, scan));
  }
  if (mayHoldForbiddenKey(rest) && (rest.length > walkedCharactersMax || holdsForbiddenKey(value))) {
    throw new MalformedJsonError('The body holds a key that is not allowed: __proto__ or constructor.prototype.');
  }
  putIn(value, scan.matrices);
  for (const [name, items] of scan.lists) {
    const list = (value as Record<string, unknown>)[name] as unknown[];
    items.forEach((matrices, index) => {
      putIn(list[index], matrices);
    });
  }
  return value;
}

function putIn(value: unknown, matrices: ReadonlyMap<string, NumberMatrix | undefined>): void {
  for (const [name, matrix] of matrices) {
    if (matrix !== undefined) (value as Record<string, unknown>)[name] = matrix;
  }
}

/** The body with a placeholder for every matrix. */
function restOf(body: Buffer, scan: BodyScan): string {
  let rest = '';
  let position = 0;
  for (const span of scan.spans) {
    rest += decode(body, position, span.start, scan.ascii) + MATRIX_PLACEHOLDER;
    position = span.end;
  }
  return rest + decode(body, position, body.length, scan.ascii);
}

function decode(body: Buffer, start: number, end: number, ascii: boolean): string {
  if (ascii) return body.toString('latin1', start, end);
  if (!isUtf8(body.subarray(start, end))) throw new MalformedJsonError('The body is not UTF-8.');
  return body.toString('utf8', start, end);
}

/** Where in the body JSON.parse stopped, if its message ends with a position; only that number is taken from it. */
function bytePosition(error: unknown, rest: string, scan: BodyScan): number | undefined {
  const match = /at position (\d+)(?: \(line \d+ column \d+\))?$/.exec(error instanceof Error ? error.message : '');
  if (match === null) return undefined;
  let position = Buffer.byteLength(rest.slice(0, Number(match[1])));
  for (const span of scan.spans) {
    if (position <= span.start) break;
    position += span.end - span.start - MATRIX_PLACEHOLDER.length;
  }
  return position;
}
