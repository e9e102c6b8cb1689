/**
 * Parses a request body: JSON.parse, except that long arrays under the names that a route gives are read from the bytes
 * at a fraction of the cost and without holding the thread: numbers into NumberMatrix, by WebAssembly, seeds into
 * SeedList, flags into FlagList. Whether a value makes sense is for the schemas.
 *
 * As with JSON.parse the last of several members of one name wins. Unlike JSON.parse, a body that is not UTF-8 is
 * malformed, and so is one with a key that could reach a prototype (forbidden-keys.ts); a byte order mark is passed
 * over; and what is not in those arrays has limits (`plainLimits`), since JSON.parse reads it in one turn.
 */
import { isUtf8 } from 'node:buffer';
import { CallerGone } from '../errors.js';
import { nextTurn } from '../runtime/event-loop-turns.js';
import { type Memory, newMemory } from './array-reader.js';
import type { BodyFields } from './body-fields.js';
import { BodyScan, type LongArray } from './body-scan.js';
import { textBytesMax } from './codec-instance.js';
import { holdsForbiddenKey, mayHoldForbiddenKey } from './forbidden-keys.js';
import { faultError, notUtf8Error } from './malformed-json.js';
import { MalformedJsonError } from './malformed-json-error.js';
import { sliceBytesMin } from './matrix-reader.js';
import { findSyntaxFault } from './syntax-fault.js';

export interface ParseOptions {
  /** Where the values of long arrays lie. Default: new memory. */
  readonly memory?: Memory;
  /** Bytes of text given to WebAssembly at once. Default and maximum 65,536; tests make it small. */
  readonly sliceBytesMax?: number;
  /**
   * Bytes of text parsed in one turn of the event loop. Default 128 KiB: 0.5 to 1.5 ms, the longer the shorter the
   * numbers.
   */
  readonly turnBytesMax?: number;
}

const turnBytesDefault = 131_072;

/**
 * Gives the value at once, without a promise, if the body is small.
 *
 * @throws {MalformedJsonError} when the body is no JSON
 * @throws {Problem} `body-too-large` or `validation` when it is above a limit, `overloaded` when there is no memory for
 *   its arrays
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
  if (scan.brokenAt !== undefined) throw brokenError(body, scan, scan.brokenAt);
  const rest = restOf(body, scan, body.length);
  let value: unknown;
  try {
    value = JSON.parse(rest);
  } catch {
    throw faultIn(rest, body, scan);
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

/** How much of the text behind a fault is looked at: more than the longest word that JSON does not have. */
const behindFaultBytes = 64;

/** The error of a body that breaks at or before a byte. What comes behind that byte may be anything. */
function brokenError(body: Buffer, scan: BodyScan, brokenAt: number): MalformedJsonError {
  const behind = body.toString('utf8', brokenAt, brokenAt + behindFaultBytes);
  return faultIn(restOf(body, scan, brokenAt) + behind, body, scan);
}

function faultIn(rest: string, body: Buffer, scan: BodyScan): MalformedJsonError {
  const fault = findSyntaxFault(rest);
  if (fault === undefined) throw new Error('A body was refused that is JSON. This is a bug.');
  return faultError(body, bytePosition(rest, fault.index, scan), fault);
}

/** The body up to `end` with a placeholder for every long array, and without long runs of white space. */
function restOf(body: Buffer, scan: BodyScan, end: number): string {
  let rest = '';
  let position = 0;
  for (const span of scan.spans) {
    rest += decode(body, position, span.start, scan.ascii) + span.instead;
    position = span.end;
  }
  return rest + decode(body, position, end, scan.ascii);
}

function decode(body: Buffer, start: number, end: number, ascii: boolean): string {
  if (ascii) return body.toString('latin1', start, end);
  if (!isUtf8(body.subarray(start, end))) throw notUtf8Error(body, start, end);
  return body.toString('utf8', start, end);
}

/** Where in the body the place `index` of what remains of it lies. */
function bytePosition(rest: string, index: number, scan: BodyScan): number {
  let position = Buffer.byteLength(rest.slice(0, index), scan.ascii ? 'latin1' : 'utf8');
  for (const span of scan.spans) {
    if (position < span.start || (position === span.start && span.instead !== '')) break;
    position += span.end - span.start - span.instead.length;
  }
  return position;
}
