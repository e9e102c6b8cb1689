/** The `given_indices` field: the index of each row, on which the noise of a draw is conditioned. */
import { z } from 'zod';
import { NumberMatrix } from '../json/number-matrix.js';
import type { Draw } from './draw.js';
import { isPerRow } from './entries.js';
import { type IssueSink, isEnough, report } from './issue.js';
import type { Logits } from './logits.js';
import { anyDepth, nested } from './nested.js';
import { indexPath } from './points.js';

export const givenIndicesField = z
  .unknown()
  .optional()
  .meta({
    description:
      'Draws the noise given that this category wins: one index for logits [K], otherwise one per row, in their leading shape or flat. Every sample of a row has its index. The noise is a function of the same seed: the conditioned twin of the draw. Not with noise: "none", top_k or log_prob.',
    ...nested('Int64', 0, anyDepth),
  });

type Path = readonly (string | number)[];

/** int32 [B]: the given index of each row; undefined after an error has been reported at `path`. */
export function readGiven(value: unknown, logits: Logits, path: Path, sink: IssueSink): Int32Array | undefined {
  const { rows, categories, data, leadingShape } = logits;
  const entries = entriesOf(value, logits);
  if (entries === undefined) {
    const shape = leadingShape.length === 0 ? 'one index' : `one index per row of logits, [${leadingShape.join(', ')}]`;
    report(sink, 'validation', path, `must be ${shape}, each from 0 to ${categories - 1}`);
    return undefined;
  }
  const given = new Int32Array(rows);
  let wrong = 0;
  for (let row = 0; row < rows && !isEnough(wrong); row++) {
    const index = entries.values[row];
    const place = [...path, ...indexPath(row, entries.shape)];
    if (!isIndex(index, categories)) {
      report(sink, 'validation', place, `must be an integer from 0 to ${categories - 1}`);
      wrong += 1;
    } else if (data[row * categories + index] === -Infinity) {
      report(sink, 'validation', place, 'is a masked category, which is never drawn: give one with a finite logit');
      wrong += 1;
    } else {
      given[row] = index;
    }
  }
  return wrong === 0 ? given : undefined;
}

interface Entries {
  readonly values: ArrayLike<unknown>;
  readonly shape: readonly number[];
}

/** The entries of a value with one for each row, as those of a tensor are; their types are not checked. */
function entriesOf(value: unknown, logits: Logits): Entries | undefined {
  const { leadingShape, rows } = logits;
  if (value instanceof Float32Array) return { values: value, shape: leadingShape };
  if (value instanceof NumberMatrix) {
    const { data, raggedPath, shape } = value;
    return raggedPath === undefined && isPerRow(shape, logits) ? { values: data, shape } : undefined;
  }
  const isFlat = Array.isArray(value) && value.length === rows && leadingShape.length > 0;
  if (isFlat) return { values: value, shape: [rows] };
  return leadingShape.length === 0 && typeof value !== 'object' ? { values: [value], shape: [] } : undefined;
}

function isIndex(value: unknown, categories: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < categories;
}

/** Reports what a draw of given indices does not have: at the fields `noise`, `top_k` and `return`. */
export function checkConditioned(
  { noise }: Pick<Draw, 'noise'>,
  topK: number,
  returned: ReadonlySet<string>,
  sink: IssueSink,
): void {
  const instead = 'leave it out, or leave given_indices out';
  if (noise === 'none') {
    report(sink, 'validation', ['noise'], 'must be "gumbel" with given_indices, which condition the noise');
  }
  if (topK > 0) report(sink, 'validation', ['top_k'], `is not defined for given_indices: ${instead}`);
  if (returned.has('log_prob')) {
    report(sink, 'validation', ['return'], `log_prob is not defined for given_indices: ${instead}`);
  }
}
