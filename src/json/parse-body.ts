/**
 * Parses a request body: JSON.parse, except that long arrays under the names that a route gives are read from the bytes at a fraction
 * of the cost and without holding the thread: numbers into NumberMatrix, by WebAssembly, seeds into SeedList, flags into FlagList.
 * Whether a value makes sense is for the schemas.
 *
 * As with JSON.parse the last of several members of one name wins. Unlike JSON.parse, a body that is not UTF-8 is malformed,
 * and so is one with a key that could reach a prototype (forbidden-keys.ts); and what is not in those arrays has limits
 * (`plainLimits`), since JSON.parse reads it in one turn.
 */
import { isUtf8 } from 'node:buffer';
import { CallerGone } from '../errors.js';
import { type Memory, newMemory } from './array-reader.js';
import type { BodyFields } from './body-fields.js';
import { BodyScan, type LongArray } from './body-scan.js';
import { textBytesMax } from './codec-instance.js';
import { holdsForbiddenKey, mayHoldForbiddenKey } from './forbidden-keys.js';
import { MalformedJsonError } from './malformed-json-error.js';
import { sliceBytesMin } from './matrix-reader.js';
import { nextTurn } from './turn.js';

export interface ParseOptions {
  /** Where the values of long arrays lie. Default: new memory. */
  readonly memory?: Memory;
  /** Bytes of text given to WebAssembly at once. Default and maximum 65,536; tests make it small. */
  readonly sliceBytesMax?: number;
  /** Bytes of text parsed in one turn of the event loop. Default 128 KiB: 0.5 to 1.5 ms, the longer the shorter the numbers. */
  readonly turnBytesMax?: number;
}

const turnBytesDefault = 131_072;

/**
 * Gives the value at once, without a promise, if the body is small.
 *
 * @throws {MalformedJsonError} when the body is no JSON
 * @throws {Problem} `body-too-large` or `validation` when it is above a limit, `overloaded` when there is no memory for its arrays
 * @throws {CallerGone} when whoever sent it has gone
 */
export function parseBody(body: Buffer, fields: BodyFields, options: ParseOptions = {}): unknown | Promise<unknown> {
  const { memory = newMemory, sliceBytesMax = textBytesMax, turnBytesMax = turnBytesDefault } = options;
  if (sliceBytesMax < sliceBytesMin || sliceBytesMax > textBytesMax) {
    throw new Error(`A slice of ${sliceBytesMax} bytes was asked for. This is a bug.`);
  }
  const scan = new BodyScan(body, fields, sliceBytesMax, memory);
  // Several bodies can be complete in one turn of the loop, so only small ones are parsed as they come.
  const small = body.length <= Math.max(turnBytesMax / 2, sliceBytesMin);
  if (small && scanTurn(scan, turnBytesMax)) return finish(body, scan);
  return parseInTurns(body, scan, turnBytesMax, memory);
}

/** The same in one go, whatever the size. */
export function parseBodySync(body: Buffer, fields: BodyFields, options: ParseOptions = {}): unknown {
  return parseBody(body, fields, { ...options, turnBytesMax: Number.POSITIVE_INFINITY });
}

async function parseInTurns(body: Buffer, scan: BodyScan, turnBytesMax: number, memory: Memory) {
  do {
    await nextTurn();
    if (memory.gone) {
      scan.release();
      throw new CallerGone();
    }
  } while (!scanTurn(scan, turnBytesMax));
  return finish(body, scan);
}

/** Scans until a turn's worth is done; returns whether that was all. */
function scanTurn(scan: BodyScan, turnBytesMax: number): boolean {
  let cost = 0;
  try {
    while (!scan.finished) {
      if (cost >= turnBytesMax) return false;
      cost += scan.step();
    }
    return true;
  } catch (error) {
    scan.release();
    throw error;
  }
}

/** Parses what is left of the body and puts the arrays in. */
function finish(body: Buffer, scan: BodyScan): unknown {
  const rest = restOf(body, scan);
  let value: unknown;
  try {
    value = JSON.parse(rest);
  } catch (error) {
    throw new MalformedJsonError('The body is not JSON.', bytePosition(error, rest, scan));
  }
  if (mayHoldForbiddenKey(rest) && holdsForbiddenKey(value)) {
    throw new MalformedJsonError('The body holds a key that is not allowed: __proto__ or constructor.prototype.');
  }
  putIn(value, scan.arrays);
  for (const [name, items] of scan.lists) {
    const list = (value as Record<string, unknown>)[name] as unknown[];
    items.forEach((arrays, index) => {
      putIn(list[index], arrays);
    });
  }
  return value;
}

function putIn(value: unknown, arrays: ReadonlyMap<string, LongArray | undefined>): void {
  for (const [name, array] of arrays) {
    if (array !== undefined) (value as Record<string, unknown>)[name] = array;
  }
}

/** The body with a placeholder for every long array, and without long runs of white space. */
function restOf(body: Buffer, scan: BodyScan): string {
  let rest = '';
  let position = 0;
  for (const span of scan.spans) {
    rest += decode(body, position, span.start, scan.ascii) + span.instead;
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
    position += span.end - span.start - span.instead.length;
  }
  return position;
}
