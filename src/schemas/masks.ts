/** The `masks` field: whether null among logits, or -infinity in binary ones, masks a category or is a mistake. */
import { z } from 'zod';
import { InferIssues } from './issue-list.js';
import type { Logits } from './logits.js';
import { reportPlaces } from './points.js';

const values = ['allow', 'refuse'] as const;
export type Masks = (typeof values)[number];

export const masksField = z.enum(values).default('allow').meta({
  description:
    '"refuse" makes a masked category in logits a mistake, for callers who never mask: JSON.stringify writes NaN and Infinity as null, which would mask silently.',
});

const refused =
  'is null while masks are refused; JSON.stringify writes NaN and Infinity so. Send a finite logit, or leave masks out to mask the category';

/**
 * Tells `refuse` of the row-major places of masked categories, up to as many as a reply names, in turns of the event
 * loop where there are many.
 */
export function findMasks({ data }: Logits, refuse: (at: number) => void): boolean | Promise<boolean> {
  return reportPlaces(data.length, (at) => data[at] === -Infinity, refuse);
}

/**
 * Refuses masked categories of the field `logits`, where the request says so.
 *
 * @returns a promise where there are many logits
 * @throws {Problem} `non-finite-logits`
 */
export function checkMasks(masks: Masks, logits: Logits): Promise<void> | undefined {
  if (masks === 'allow') return undefined;
  const { rank, categories } = logits;
  const issues = new InferIssues();
  const pathOf = (at: number) => (rank === 1 ? [at] : [Math.floor(at / categories), at % categories]);
  const found = findMasks(logits, (at) => issues.report('non-finite-logits', ['logits', ...pathOf(at)], refused));
  if (found instanceof Promise) return found.then(() => issues.throwIfAny());
  issues.throwIfAny();
  return undefined;
}
