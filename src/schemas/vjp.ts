/** Request and reply of POST /sample/vjp, the backward pass of a draw. */
import { z } from 'zod';
import { type Draw, type DrawLimits, drawAxes, drawFields, drawReplyFields, toDraw } from './draw.js';
import { report } from './issue.js';
import { nested } from './nested.js';
import { indexPath, readPoints, reportPlaces } from './points.js';
import { replayedSeedField, type Seed } from './seed.js';
import { vjpExamples } from './vjp-examples.js';

export const estimators = ['straight_through', 'reinmax'] as const;
export type Estimator = (typeof estimators)[number];

export interface VjpRequest {
  readonly draw: Draw;
  /** float32 [S, B, K], finite. */
  readonly cotangent: Float32Array;
  readonly estimator: Estimator;
}

export function vjpRequest(limits: DrawLimits) {
  return z
    .strictObject({
      ...drawFields(limits, replayedSeedField(limits)),
      cotangent: z.unknown().meta({
        description: 'Gradient of the loss with respect to the samples, shaped like them.',
        ...nested('number', 1, 3),
      }),
      estimator: z.enum(estimators).default('straight_through').meta({
        description:
          'straight_through: the exact gradient of the soft samples, which hard samples borrow. reinmax (Liu et al. 2023): second-order accurate for hard samples; without grad_temperature.',
      }),
    })
    .transform((body, context): VjpRequest => {
      const draw = toDraw(body, body.seed as Seed, limits, context);
      if (!draw) return z.NEVER;
      if (body.estimator === 'reinmax' && !draw.hard) {
        report(context, 'validation', ['estimator'], 'reinmax is for hard samples: send hard: true as in the draw');
      }
      const shape = [...drawAxes(draw), draw.logits.categories];
      const cotangent = readPoints(body.cotangent, shape, ['cotangent'], context);
      if (cotangent === undefined) return z.NEVER;
      const isNull = (at: number) => Number.isNaN(cotangent[at]);
      const refuse = (at: number) =>
        report(
          context,
          'validation',
          ['cotangent', ...indexPath(at, shape)],
          'must be a number; send 0 for a masked category',
        );
      reportPlaces(cotangent.length, isNull, refuse);
      return { draw, cotangent, estimator: body.estimator };
    })
    .meta({ 'x-examples': vjpExamples });
}

/** What POST /sample/vjp replies. */
export const vjpReply = z
  .object({
    grad_logits: z.unknown().meta({
      description: 'float32, shaped like logits, summed over the samples; 0 where masked.',
      ...nested('number', 1, 2),
    }),
    grad_temperature: z
      .unknown()
      .optional()
      .meta({
        description: 'float32: one number for one temperature (or a schedule), [B] for one per row. Not with reinmax.',
        ...nested('number', 0, 1),
      }),
    estimator: z.enum(estimators),
    ...drawReplyFields,
  })
  .meta({ id: 'VjpReply' });
