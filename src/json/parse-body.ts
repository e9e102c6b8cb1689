/**
 * Parses a request body. Long arrays under the field names that a route declares are read from the bytes, at a fraction
 * of the cost of JSON.parse and without blocking the event loop: numbers into NumberMatrix, by WebAssembly, seeds into
 * SeedList, flags into FlagList. JSON.parse reads the rest. The schemas check the values.
 *
 * As in JSON.parse, the last of several members with the same name wins. There are three differences. A body that is
 * not UTF-8, or has a key that could reach a prototype (forbidden-keys.ts), is malformed. A byte order mark is skipped.
 * The text outside the arrays is limited (`plainLimits`), since JSON.parse reads it in one turn.
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
  /** Memory for the values of long arrays. Default: new memory. */
  readonly memory?: Memory;
  /** Bytes of text per call of WebAssembly. Default and maximum 65,536; tests use small slices. */
  readonly sliceBytesMax?: number;
  /**
   * Bytes of text parsed in one turn of the event loop. Default 128 KiB, about a millisecond; `npm run bench:codec`
   * prints the nanoseconds per number.
   */
  readonly turnBytesMax?: number;
}

const turnBytesDefault = 131_072;

/**
 * Returns the value of a small body directly, without a promise.
 *
 * @throws {MalformedJsonError} if the body is not JSON
 * @throws {Problem} `body-too-large` or `validation` if it exceeds a limit, `overloaded` if there is no memory for its
 *   arrays
 * @throws {CallerGone} if the client has disconnected
 */
export function parseBody(body: Buffer, fields: BodyFields, options: ParseOptions = {}): unknown | Promise<unknown> {
  const { memory = newMemory, sliceBytesMax = textBytesMax, turnBytesMax = turnBytesDefault } = options;
  if (sliceBytesMax < sliceBytesMin || sliceBytesMax > textBytesMax) {
    throw new Error(`sliceBytesMax is ${sliceBytesMax}, not ${sliceBytesMin} to ${textBytesMax}. This is a bug.`);
  }
  const scan = new BodyScan(body, fields, sliceBytesMax, memory);
  // Several bodies can be complete in one turn of the event loop, so only small ones are parsed on arrival.
  const small = body.length <= Math.max(turnBytesMax / 2, sliceBytesMin);
  if (small && scanTurn(scan, turnBytesMax)) return finish(body, scan);
  return parseInTurns(body, scan, turnBytesMax, memory);
}

/** The same in one turn, whatever the size. */
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

/** Scans until the cost of a turn is used up. Returns whether the scan is finished. */
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

/** Parses the rest of the body and adds the arrays. */
function finish(body: Buffer, scan: BodyScan): unknown {
  if (scan.brokenPosition !== undefined) throw brokenError(body, scan, scan.brokenPosition);
  const rest = restOf(body, scan, body.length);
  let value: unknown;
  try {
    value = JSON.parse(rest);
  } catch {
    throw faultIn(rest, body, scan);
  }
  if (mayHoldForbiddenKey(rest) && holdsForbiddenKey(value)) {
    throw new MalformedJsonError(
      'The body has a key that is not allowed: __proto__ or constructor.prototype. Leave it out.',
    );
  }
  addArrays(value, scan.arrays);
  for (const [name, items] of scan.lists) {
    const list = (value as Record<string, unknown>)[name] as unknown[];
    items.forEach((arrays, index) => {
      addArrays(list[index], arrays);
    });
  }
  return value;
}

function addArrays(value: unknown, arrays: ReadonlyMap<string, LongArray | undefined>): void {
  for (const [name, array] of arrays) {
    if (array !== undefined) (value as Record<string, unknown>)[name] = array;
  }
}

/** Length of the text after a fault that is searched: longer than the longest word that JSON does not have. */
const afterFaultBytes = 64;

/** The error of a body that breaks the grammar at or before a byte. The text after that byte may be anything. */
function brokenError(body: Buffer, scan: BodyScan, brokenPosition: number): MalformedJsonError {
  const after = body.toString('utf8', brokenPosition, brokenPosition + afterFaultBytes);
  return faultIn(restOf(body, scan, brokenPosition) + after, body, scan);
}

function faultIn(rest: string, body: Buffer, scan: BodyScan): MalformedJsonError {
  const fault = findSyntaxFault(rest);
  if (fault === undefined) throw new Error('A body was refused that is JSON. This is a bug.');
  return faultError(body, bytePosition(rest, fault.index, scan), fault);
}

/** The body up to `end`, with a placeholder for every long array and without long runs of white space. */
function restOf(body: Buffer, scan: BodyScan, end: number): string {
  let rest = '';
  let position = 0;
  for (const span of scan.spans) {
    rest += decode(body, position, span.start, scan.ascii) + span.replacement;
    position = span.end;
  }
  return rest + decode(body, position, end, scan.ascii);
}

function decode(body: Buffer, start: number, end: number, ascii: boolean): string {
  if (ascii) return body.toString('latin1', start, end);
  if (!isUtf8(body.subarray(start, end))) throw notUtf8Error(body, start, end);
  return body.toString('utf8', start, end);
}

/** The position in the body of index `index` of `rest`. */
function bytePosition(rest: string, index: number, scan: BodyScan): number {
  let position = Buffer.byteLength(rest.slice(0, index), scan.ascii ? 'latin1' : 'utf8');
  for (const span of scan.spans) {
    if (position < span.start || (position === span.start && span.replacement !== '')) break;
    position += span.end - span.start - span.replacement.length;
  }
  return position;
}
