/** The `masks` field: whether null in logits, or -infinity in binary ones, masks a category or is an error. */
import { z } from 'zod';
import { IssueList } from './issue-list.js';
import { type Logits, logitsShape } from './logits.js';
import { indexPath, reportElements } from './points.js';

const values = ['allow', 'refuse'] as const;
export type Masks = (typeof values)[number];

export const masksField = z.enum(values).default('allow').meta({
  description:
    '"refuse" makes a masked category in logits a mistake, for callers who never mask: JSON.stringify writes NaN and Infinity as null, which would mask silently.',
});

const refused =
  'is null, and masks is "refuse"; JSON.stringify writes NaN and Infinity as null. Send a finite logit, or leave masks out to mask the category';

/**
 * Calls `refuse` with the row-major index of each masked category, up to as many as a reply lists, in several turns of
 * the event loop if there are many. Returns, or resolves to, whether there are any.
 */
export function findMasks({ data }: Logits, refuse: (index: number) => void): boolean | Promise<boolean> {
  return reportElements(data.length, (index) => data[index] === -Infinity, refuse);
}

/**
 * Rejects masked categories of the field `logits` if the request sets `masks` to "refuse".
 *
 * @returns a promise if there are many logits
 * @throws {Problem} `non-finite-logits`
 */
export function checkMasks(masks: Masks, logits: Logits): Promise<void> | undefined {
  if (masks === 'allow') return undefined;
  const issues = new IssueList();
  const shape = logitsShape(logits);
  const pathOf = (index: number) => ['logits', ...indexPath(index, shape)];
  const found = findMasks(logits, (index) => issues.report('non-finite-logits', pathOf(index), refused));
  if (found instanceof Promise) return found.then(() => issues.throwIfAny());
  issues.throwIfAny();
  return undefined;
}
