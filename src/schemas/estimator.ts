/** The estimators of the backward pass: their names, and what each needs of the draw. */
import { z } from 'zod';
import { component } from './component.js';
import type { Draw } from './draw.js';
import { type IssueSink, report } from './issue.js';

const estimators = ['straight_through', 'reinmax', 'softmax', 'gumbel_rao'] as const;
export type Estimator = (typeof estimators)[number];

export const estimator = z.enum(estimators).meta({
  ...component('Estimator'),
  description:
    'straight_through: the exact gradient of the soft samples, which hard samples borrow; the one of a request that names none. For hard samples only, and without grad_temperature: reinmax (Liu et al. 2023), second-order accurate; softmax, the gradient of the softmax without noise, as in DreamerV2; gumbel_rao (Paulus et al. 2020), the mean of straight_through over rao_samples inner draws of the same index.',
});

/** The other estimators are those of hard samples, and have no gradient of the temperature. */
export function hasTemperatureGradient(estimator: Estimator): boolean {
  return estimator === 'straight_through';
}

const raoSamplesMax = 1024;

/**
 * Most inner draws times categories. A draw cannot be split, so this limits how long one keeps a worker: about 50 ms
 * (cost.ts).
 */
const raoElementsMax = 2 ** 21;

export const raoSamplesField = z
  .int()
  .min(1)
  .max(raoSamplesMax)
  .optional()
  .meta({
    description: `gumbel_rao: inner draws of each hard sample. Times the number of categories at most ${raoElementsMax}.`,
    format: 'int64',
  });

interface EstimatorBody {
  readonly draw: Pick<Draw, 'hard' | 'noise' | 'logits'>;
  readonly estimator: Estimator;
  readonly raoSamples: number | undefined;
}

/** Reports an estimator that does not fit the draw, at the fields `estimator`, `rao_samples` and `noise`. */
export function checkEstimator({ draw, estimator, raoSamples }: EstimatorBody, sink: IssueSink): void {
  if (!hasTemperatureGradient(estimator) && !draw.hard) {
    report(sink, 'validation', ['estimator'], `${estimator} is for hard samples: send hard: true as in the draw`);
  }
  if (estimator !== 'gumbel_rao') {
    if (raoSamples === undefined) return;
    report(sink, 'validation', ['rao_samples'], 'belongs to the estimator gumbel_rao: send that, or leave it out');
    return;
  }
  if (draw.noise === 'none') {
    report(sink, 'validation', ['noise'], 'must be "gumbel" with gumbel_rao, which averages over noise');
  }
  if (raoSamples === undefined) {
    const message = `is required with gumbel_rao: the number of inner draws, 1 to ${raoSamplesMax}`;
    report(sink, 'validation', ['rao_samples'], message);
  } else if (raoSamples * draw.logits.categories > raoElementsMax) {
    const message = `times the number of categories (${draw.logits.categories}) must be at most ${raoElementsMax}`;
    report(sink, 'too-many-elements', ['rao_samples'], message);
  }
}
