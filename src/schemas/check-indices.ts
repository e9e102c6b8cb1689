/** Checks of given categories: whole numbers in range, and of an order without replacement different ones, unmasked. */
import { type IssueSink, report } from './issue.js';
import type { Logits } from './logits.js';
import { type PointPaths, reportElements } from './points.js';

/** Reports indices that are no categories. Those of masked categories are legal: their probability is 0. */
export function checkIndices(
  { categories }: Logits,
  indices: Float32Array,
  pathOf: PointPaths['element'],
  sink: IssueSink,
): boolean | Promise<boolean> {
  return reportElements(
    indices.length,
    (index) => !isCategory(indices[index], categories),
    (index) => report(sink, 'validation', pathOf(index), rangeText(categories)),
  );
}

/** Reports what is no category, masked, or a second time in its draw of k. */
export function checkTopIndices(
  logits: Logits,
  indices: Float32Array,
  k: number,
  paths: PointPaths,
  sink: IssueSink,
): boolean | Promise<boolean> {
  const { rows, categories, data } = logits;
  if (k > categories) {
    report(sink, 'validation', paths.draw(0), `has ${k} entries, but a row has only ${categories} categories to draw`);
    return true;
  }
  /** For each category the last draw that had it, from 1 on. */
  const drawnBy = new Int32Array(k === 1 ? 0 : categories);
  let fault = '';
  const faultAt = (index: number): string => {
    const category = indices[index];
    if (!isCategory(category, categories)) return rangeText(categories);
    const draw = Math.floor(index / k);
    if (data[(draw % rows) * categories + category] === -Infinity)
      return 'is a masked category, which is never drawn: leave it out';
    if (k === 1) return '';
    if (drawnBy[category] === draw + 1) return 'is there a second time: without replacement each category comes once';
    drawnBy[category] = draw + 1;
    return '';
  };
  return reportElements(
    indices.length,
    (index) => {
      fault = faultAt(index);
      return fault !== '';
    },
    (index) => report(sink, 'validation', paths.element(index), fault),
  );
}

function isCategory(value: number, categories: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < categories;
}

function rangeText(categories: number): string {
  return `must be an integer from 0 to ${categories - 1}, the index of a category`;
}
