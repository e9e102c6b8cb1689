/** Lists with an entry for each row of logits: temperatures, seeds and flags. */
import type { EntryShape } from '../json/entry-list.js';
import { type IssueSink, report } from './issue.js';
import type { Logits } from './logits.js';
import { isShaped } from './points.js';

/** The entries of an array that JSON.parse has read, because one of them is of another kind. */
export interface Entries extends EntryShape {
  readonly values: readonly unknown[];
  /** The indices of each value. */
  readonly paths: readonly number[][];
}

/**
 * Flattens an array as deep as its first entry lies. What lies less deep, and an array that lies there, is an entry by
 * itself.
 */
export function entriesOf(array: readonly unknown[]): Entries {
  const shape: number[] = [];
  for (let level: unknown = array; Array.isArray(level); level = level[0]) shape.push(level.length);
  const values: unknown[] = [];
  const paths: number[][] = [];
  let raggedPath: number[] | undefined;
  const walk = (items: readonly unknown[], outer: number[]) => {
    if (items.length !== shape[outer.length]) raggedPath ??= outer;
    for (const [index, item] of items.entries()) {
      const path = [...outer, index];
      if (path.length < shape.length && Array.isArray(item)) {
        walk(item, path);
        continue;
      }
      if (path.length < shape.length) raggedPath ??= path;
      values.push(item);
      paths.push(path);
    }
  };
  walk(array, []);
  return { shape, raggedPath, values, paths };
}

/** Reports a list whose arrays differ in size. Returns whether it has. */
export function isRagged({ raggedPath }: EntryShape, sink: IssueSink): boolean {
  if (raggedPath) report(sink, 'validation', raggedPath, 'has another shape than the entries before it');
  return raggedPath !== undefined;
}

/** Whether a list has the shape of the rows of logits, or is flat with one entry for each row. */
export function isPerRow(shape: readonly number[], { leadingShape, rows }: Logits): boolean {
  const list = { shape, raggedPath: undefined };
  return isShaped(list, [rows]) || isShaped(list, leadingShape);
}

export function perRowText({ leadingShape, rows }: Logits): string {
  const shape = leadingShape.length > 1 ? `: shaped [${leadingShape.join(', ')}], or flat [${rows}]` : ` (${rows})`;
  return `must have one entry per row of logits${shape}`;
}
