/** The `seed` field: an integer, a decimal string for the full 64 bits, or an array with one of these per row. */
import { z } from 'zod';
import { type IssueSink, isEnough, report } from './issue.js';

export type SeedValue = number | string;

/** Validated seeds. */
export interface Seed {
  /** As the request gave it, for the reply. */
  readonly given: SeedValue | readonly SeedValue[];
  /** Whether the request gave one per row. */
  readonly perRow: boolean;
  /** uint32 [n, 2]: low and high word of each seed. */
  readonly words: Uint32Array;
}

/** A decimal number without leading zeros; the value is checked against 2^64 - 1 apart. */
const decimal = /^(0|[1-9][0-9]{0,19})$/;
const seedMax = 2n ** 64n - 1n;

interface SeedLimits {
  readonly rowsMax: number;
}

function given({ rowsMax }: SeedLimits) {
  return z.unknown().transform((value, context): Seed => {
    if (!Array.isArray(value) || value.length <= rowsMax) return readSeed(value, context) ?? z.NEVER;
    report(context, 'validation', [], `must have one entry per row of logits, at most ${rowsMax}`);
    return z.NEVER;
  });
}

const grammar =
  'Seed of the noise: an integer 0 to 2^53 - 1, a string of decimal digits 0 to 2^64 - 1, or an array with one of these per row. The same seed replays the same noise.';

const alternatives = ({ rowsMax }: SeedLimits) => ({
  oneOf: [
    { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    { type: 'string', pattern: decimal.source },
    {
      type: 'array',
      minItems: 1,
      maxItems: rowsMax,
      items: {
        oneOf: [
          { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
          { type: 'string', pattern: decimal.source },
        ],
      },
    },
  ],
});

/** The seed of a draw, which may leave it to the service. */
export function seedField(limits: SeedLimits) {
  return given(limits)
    .optional()
    .meta({
      description: `${grammar} When absent, 64 random bits are drawn and returned as a string.`,
      ...alternatives(limits),
    });
}

/** The seed of a request that replays a draw, and so must have one. */
export function replayedSeedField(limits: SeedLimits) {
  return given(limits).meta({ description: `${grammar} That of the draw.`, ...alternatives(limits) });
}

/** The seeds of a request, or undefined once what is wrong has been reported. */
export function readSeed(value: unknown, sink: IssueSink): Seed | undefined {
  const perRow = Array.isArray(value);
  const given: unknown[] = perRow ? value : [value];
  const words = new Uint32Array(2 * given.length);
  let wrong = 0;
  for (const [row, item] of given.entries()) {
    if (isEnough(wrong)) break;
    if (!writeWords(item, words, 2 * row, perRow ? [row] : [], sink)) wrong += 1;
  }
  return wrong > 0 ? undefined : { given: value as Seed['given'], perRow, words };
}

/** Splits one seed into its words at `at`; false once what is wrong has been reported. */
function writeWords(value: unknown, words: Uint32Array, at: number, path: number[], sink: IssueSink): boolean {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value) || value < 0) {
      report(sink, 'invalid-seed', path, 'must be an integer from 0 to 2^53 - 1; send larger seeds as a string');
      return false;
    }
    words[at] = value % 2 ** 32;
    words[at + 1] = Math.floor(value / 2 ** 32);
    return true;
  }
  if (value === undefined) {
    report(sink, 'validation', path, 'is required: it replays the noise of the draw');
    return false;
  }
  if (typeof value !== 'string') {
    report(sink, 'validation', path, 'must be an integer, a string of decimal digits, or an array of these');
    return false;
  }
  const seed = value.length <= 20 && decimal.test(value) ? BigInt(value) : seedMax + 1n;
  if (seed > seedMax) {
    report(sink, 'invalid-seed', path, 'must be decimal digits without leading zeros, from 0 to 2^64 - 1');
    return false;
  }
  words[at] = Number(seed & 0xffffffffn);
  words[at + 1] = Number(seed >> 32n);
  return true;
}
