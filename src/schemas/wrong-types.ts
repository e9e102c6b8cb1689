/** What keeps the value of a field from being an array of numbers: the places of its wrong elements. */
import { fieldErrorsMax } from '../errors.js';
import { type IssueSink, report } from './issue.js';

/** Reports the elements that keep a value from being a matrix of numbers and nulls. */
export function reportWrongTypes(value: unknown, sink: IssueSink): void {
  if (!Array.isArray(value)) {
    const message = value === undefined ? 'is required' : 'must be an array of numbers, or of such arrays';
    report(sink, 'validation', [], message);
    return;
  }
  let rank = 1;
  for (let level: unknown = value[0]; Array.isArray(level); level = level[0]) rank += 1;
  reportMisplaced(value, rank, [], { left: fieldErrorsMax, sink });
}

/** Where errors go, and how many more a reply lists. */
interface Report {
  left: number;
  readonly sink: IssueSink;
}

/**
 * Reports what is no array above the depth `rank`, and what is no number at it: in nested arrays the first one of each
 * row.
 */
function reportMisplaced(items: readonly unknown[], rank: number, outer: readonly number[], to: Report): void {
  const holdsNumbers = outer.length === rank - 1;
  for (const [index, item] of items.entries()) {
    if (to.left === 0) return;
    const path = [...outer, index];
    if (holdsNumbers) {
      if (item === null || typeof item === 'number') continue;
      const isRow = rank === 1 && Array.isArray(item) && index > 0;
      to.left -= 1;
      report(to.sink, 'validation', path, `must be a number or null${isRow ? ', as the first entry is' : ''}`);
      if (rank > 1) return;
    } else if (Array.isArray(item)) {
      reportMisplaced(item, rank, path, to);
    } else {
      to.left -= 1;
      const isRow = outer.length === rank - 2;
      const what = isRow ? 'numbers, as the first row is' : 'arrays, as the first entry is';
      report(to.sink, 'validation', path, `must be an array of ${what}`);
    }
  }
}
