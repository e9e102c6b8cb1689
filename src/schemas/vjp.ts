/** Request and reply of POST /sample/vjp, the backward pass of a draw. */
import { z } from 'zod';
import type { NumberMatrix } from '../json/number-matrix.js';
import { component } from './component.js';
import { type Draw, type DrawLimits, drawAxes, drawFields, drawReplyFields, toDraw } from './draw.js';
import { checkEstimator, type Estimator, estimator, raoSamplesField } from './estimator.js';
import { IssueList } from './issue-list.js';
import { anyDepth, nested } from './nested.js';
import { indexPath, readPoints, reportElements, reportInfinite } from './points.js';
import { replayedSeedField, type Seed } from './seed.js';
import { vjpExamples, vjpReplyExamples } from './vjp-examples.js';

export interface VjpRequest {
  readonly draw: Draw;
  /** Shaped like the samples. `checkCotangent` checks the numbers. */
  readonly cotangent: NumberMatrix;
  readonly estimator: Estimator;
  /** Inner draws of gumbel_rao, otherwise 0. */
  readonly raoSamples: number;
}

export function vjpRequest(limits: DrawLimits) {
  return z
    .strictObject({
      ...drawFields(limits, replayedSeedField(limits)),
      cotangent: z.unknown().meta({
        description: 'Gradient of the loss with respect to the samples, shaped like them.',
        ...nested('Float32', 1, anyDepth),
      }),
      estimator: estimator.default('straight_through'),
      rao_samples: raoSamplesField,
    })
    .transform((body, context): VjpRequest => {
      const draw = toDraw(body, body.seed as Seed, limits, context);
      if (!draw) return z.NEVER;
      checkEstimator({ draw, estimator: body.estimator, raoSamples: body.rao_samples }, context);
      const shape = [...drawAxes(draw), draw.logits.categories];
      const cotangent = readPoints(body.cotangent, shape, ['cotangent'], context);
      if (cotangent === undefined) return z.NEVER;
      return { draw, cotangent, estimator: body.estimator, raoSamples: body.rao_samples ?? 0 };
    })
    .meta({ ...component('VjpRequest'), 'x-examples': vjpExamples });
}

/**
 * Rejects a cotangent with numbers that are not finite; a promise, which searches for their indices in several turns of
 * the event loop. The schema has checked everything else.
 *
 * @throws {Problem} `validation`, as a rejection
 */
export function checkCotangent(request: VjpRequest): Promise<void> | undefined {
  const { nullCount, infiniteCount } = request.cotangent;
  return nullCount + infiniteCount > 0 ? refuseCotangent(request) : undefined;
}

async function refuseCotangent({ draw, cotangent }: VjpRequest): Promise<void> {
  const issues = new IssueList();
  const shape = [...drawAxes(draw), draw.logits.categories];
  const pathOf = (index: number) => ['cotangent', ...indexPath(index, shape)];
  const refuse = (index: number) =>
    issues.report('validation', pathOf(index), 'must be a number; send 0 for a masked category');
  if (!(await reportInfinite(cotangent, pathOf, issues))) {
    await reportElements(cotangent.data.length, (index) => Number.isNaN(cotangent.data[index]), refuse);
  }
  issues.throwIfAny();
}

/** Reply of POST /sample/vjp. */
export const vjpReply = z
  .object({
    grad_logits: z.unknown().meta({
      description: 'float32, shaped like logits, summed over the samples; 0 where masked.',
      ...nested('Float32', 1, anyDepth),
    }),
    grad_temperature: z
      .unknown()
      .optional()
      .meta({
        description:
          'float32: one number for one temperature (or a schedule), else shaped like temperature. Only of straight_through.',
        ...nested('Float32', 0, anyDepth),
      }),
    estimator,
    ...drawReplyFields,
  })
  .meta({ ...component('VjpReply'), 'x-examples': vjpReplyExamples });
