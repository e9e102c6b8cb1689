/** The `seed` field: an integer, a decimal string for the full 64 bits, or an array with one of these per row. */
import { z } from 'zod';
import { SeedList, type WrongSeed, writeDigits, writeNumber } from '../json/seed-list.js';
import { component } from './component.js';
import { entriesOf, isRagged } from './entries.js';
import { type IssueSink, isEnough, report } from './issue.js';
import { nestedRows } from './nested.js';
import { indexPath } from './points.js';

type SeedValue = number | string;

/** Validated seeds. */
export interface Seed {
  /** As sent, for the reply. */
  readonly given: SeedValue | SeedList;
  /** Whether each row has a seed. An array of one seed applies it to all rows. */
  readonly perRow: boolean;
  /** The shape in which they were sent: [] for one that is not in an array. */
  readonly shape: readonly number[];
  /** uint32 [n, 2]: low and high word of each seed. */
  readonly words: Uint32Array;
}

/** A decimal number without leading zeros. The upper bound 2^64 - 1 is checked separately. */
const decimal = /^(0|[1-9][0-9]{0,19})$/;

interface SeedLimits {
  readonly rowsMax: number;
}

/** What happens to a request without a seed. Requests that replay a draw are rejected. */
export type AbsentSeed = 'random' | 'refused';

function given({ rowsMax }: SeedLimits, absent: AbsentSeed) {
  return z.unknown().transform((value, context): Seed => {
    const count = value instanceof SeedList ? value.count : Array.isArray(value) ? value.length : 1;
    if (count <= rowsMax) return readSeed(value, context, absent) ?? z.NEVER;
    report(context, 'validation', [], `must have one entry per row of logits, at most ${rowsMax}`);
    return z.NEVER;
  });
}

const spellings = [
  { ...component('SeedNumber'), type: 'integer', format: 'int64', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
  { ...component('SeedDigits'), type: 'string', pattern: decimal.source },
];

/** JSON schema of one seed. */
export const oneSeedJsonSchema = {
  ...component('OneSeed', '18446744073709551615'),
  description: 'An integer 0 to 2^53 - 1, or a string of decimal digits 0 to 2^64 - 1.',
  oneOf: spellings,
};

function described({ rowsMax }: SeedLimits) {
  return {
    ...component('Seed', 42),
    description:
      'Seed of the noise: an integer 0 to 2^53 - 1, a string of decimal digits 0 to 2^64 - 1, or an array with one of these per row (flat, or in the leading shape of logits), or with one for all rows. The same seed replays the same noise. A draw without one gets 64 random bits, which come back as a string.',
    oneOf: [
      ...spellings,
      { ...component('SeedOfRows'), type: 'array', minItems: 1, maxItems: rowsMax, items: oneSeedJsonSchema },
      nestedRows,
    ],
  };
}

/** The seed of a draw; the service makes one if it is absent. */
export function seedField(limits: SeedLimits) {
  return given(limits, 'random').optional().meta(described(limits));
}

/** The seed of a request that replays a draw; required. */
export function replayedSeedField(limits: SeedLimits) {
  return given(limits, 'refused').meta(described(limits));
}

/** The seeds of a request; undefined after an error has been reported. */
export function readSeed(value: unknown, sink: IssueSink, absent: AbsentSeed): Seed | undefined {
  if (value instanceof SeedList) return readList(value, sink, absent);
  if (Array.isArray(value)) return readEntries(value, sink, absent);
  const words = new Uint32Array(2);
  return writeWords(value, words, 0, [], sink, absent)
    ? { given: value as SeedValue, perRow: false, shape: [], words }
    : undefined;
}

/** The seeds of an array that the body parser has read. */
function readList(list: SeedList, sink: IssueSink, absent: AbsentSeed): Seed | undefined {
  const { words, shape, wrong } = list;
  if (isRagged(list, sink)) return undefined;
  for (const { row, kind } of wrong) reportWrong(kind, indexPath(row, shape), sink, absent);
  return wrong.length > 0 ? undefined : { given: list, perRow: words.length !== 2, shape, words };
}

/**
 * The seeds of a short array that the body parser left to JSON.parse, because one of them is not a seed or is spelled
 * at great length.
 */
function readEntries(array: readonly unknown[], sink: IssueSink, absent: AbsentSeed): Seed | undefined {
  const entries = entriesOf(array);
  const words = new Uint32Array(2 * entries.values.length);
  const strings = new Uint8Array(Math.ceil(entries.values.length / 8));
  let wrong = 0;
  for (const [row, value] of entries.values.entries()) {
    if (isEnough(wrong)) break;
    if (!writeWords(value, words, 2 * row, entries.paths[row], sink, absent)) wrong += 1;
    if (typeof value === 'string') strings[row >> 3] = strings[row >> 3] | (1 << (row & 7));
  }
  if (wrong > 0 || isRagged(entries, sink)) return undefined;
  const given = new SeedList(words, strings, [], entries);
  return { given, perRow: words.length !== 2, shape: entries.shape, words };
}

/** Writes the words of one seed at `offset`. Returns false after it has reported an error. */
function writeWords(
  value: unknown,
  words: Uint32Array,
  offset: number,
  path: number[],
  sink: IssueSink,
  absent: AbsentSeed,
): boolean {
  if (typeof value === 'number' && writeNumber(value, words, offset)) return true;
  if (typeof value === 'string' && writeDigits(value, words, offset)) return true;
  if (typeof value === 'number' || typeof value === 'string')
    reportWrong(typeof value as WrongSeed['kind'], path, sink, absent);
  else if (value === undefined)
    report(sink, 'validation', path, 'is required: send the seed of the draw, whose noise it replays');
  else {
    const others =
      path.length === 0 ? ', a string of decimal digits, or an array of these' : ' or a string of decimal digits';
    report(sink, 'validation', path, `must be an integer${others}`);
  }
  return false;
}

function reportWrong(kind: WrongSeed['kind'], path: number[], sink: IssueSink, absent: AbsentSeed): void {
  const message =
    kind === 'number'
      ? 'must be an integer from 0 to 2^53 - 1; send larger seeds as a string'
      : 'must be decimal digits without leading zeros, from 0 to 2^64 - 1';
  const instead = absent === 'random' ? ', and leave seed out for a random one' : '';
  report(sink, 'invalid-seed', path, `${message}${instead}`);
}
