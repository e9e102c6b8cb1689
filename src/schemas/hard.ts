/** The `hard` field: whether samples are one-hot, for all rows or for each. */
import { z } from 'zod';
import { FlagList } from '../json/flag-reader.js';
import { component } from './component.js';
import { entriesOf, isRagged } from './entries.js';
import { type IssueSink, isEnough, report } from './issue.js';
import { typeText } from './issue-text.js';
import { nestedRows } from './nested.js';

/** Validated flags. */
export interface Hard {
  /** As sent, for the reply. */
  readonly given: boolean | FlagList;
  /** Whether all rows are hard. */
  readonly all: boolean;
  /** uint8 [B], 1 for hard rows. Only if rows differ. */
  readonly rows: Uint8Array | undefined;
}

const oneFlag = { type: 'boolean' };

export function hardField({ rowsMax }: { readonly rowsMax: number }) {
  return z
    .unknown()
    .default(false)
    .transform((value, context): Hard => {
      const list = Array.isArray(value) ? readArray(value, context) : value;
      if (typeof list === 'boolean') return { given: list, all: list, rows: undefined };
      if (!(list instanceof FlagList)) {
        if (list !== undefined) report(context, 'validation', [], typeText('boolean', list));
        return z.NEVER;
      }
      return isRagged(list, context) ? z.NEVER : hardOf(list);
    })
    .meta({
      ...component('Hard', true),
      description:
        'true returns one-hot samples: exactly one 1 at the category drawn, whatever the temperature. One for all rows, or an array with one per row (flat, or in the leading shape of logits). false when absent.',
      oneOf: [
        oneFlag,
        { ...component('HardOfRows'), type: 'array', minItems: 1, maxItems: rowsMax, items: oneFlag },
        nestedRows,
      ],
    });
}

/** The flags of rows. */
export function hardOf(given: FlagList): Hard {
  // A copy: the reply repeats the flags when the memory of the body is used again.
  const flags = given.flags.slice();
  const all = flags.every((flag) => flag === 1);
  const none = flags.every((flag) => flag === 0);
  return { given: new FlagList(flags, given), all, rows: all || none ? undefined : flags };
}

/** The flags of an array that the body parser left to JSON.parse, because an entry is no flag, or lies less deep. */
function readArray(array: readonly unknown[], sink: IssueSink): FlagList | undefined {
  const entries = entriesOf(array);
  let wrong = 0;
  for (const [row, value] of entries.values.entries()) {
    if (typeof value === 'boolean' || isEnough(wrong)) continue;
    wrong += 1;
    report(sink, 'validation', entries.paths[row], typeText('boolean', value));
  }
  if (wrong > 0) return undefined;
  return new FlagList(
    Uint8Array.from(entries.values, (value) => (value === true ? 1 : 0)),
    entries,
  );
}
