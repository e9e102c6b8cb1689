/** POST /sample/vjp, the backward pass of a draw: body -> job -> sampler -> sums -> body. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { type Member, printBody } from '../json/print-body.js';
import { nextTurn } from '../runtime/event-loop-turns.js';
import { type Gradients, sumGradients } from '../sampler/gradient.js';
import type { Sampler } from '../sampler/sampler.js';
import { hasTemperatureGradient } from '../schemas/estimator.js';
import { logitsShape } from '../schemas/logits.js';
import { checkMasks } from '../schemas/masks.js';
import { indexPath } from '../schemas/points.js';
import { problemResponses } from '../schemas/problem.js';
import { checkCotangent, type VjpRequest, vjpReply, vjpRequest } from '../schemas/vjp.js';
import type { RouteContext } from './context.js';
import { vjpJob } from './draw-job.js';
import { logitsCodes } from './draw-problems.js';
import { refuseOverflow } from './gradient-overflow.js';
import { drawMembers } from './reply-members.js';
import { drawFor, sendDrawn } from './run-draw.js';
import { termsOf } from './terms.js';

export function vjpRoute(app: FastifyInstance, { config: limits, sampler, metrics: { printed } }: RouteContext): void {
  app.withTypeProvider<ZodTypeProvider>().post(
    '/sample/vjp',
    {
      schema: {
        operationId: 'sampleVjp',
        summary: 'Backward pass of a draw: vector-Jacobian product',
        description:
          'Replays the noise of the draw with the same fields and seed, and pulls the cotangent back to the logits and the ' +
          'temperature. Hard samples borrow the gradient of the soft ones (straight-through) unless estimator names another. ' +
          'With num_samples the gradients are summed over the samples, by the chain rule.',
        tags: ['sampling'],
        body: vjpRequest(limits),
        response: {
          200: { description: 'The gradients.', content: { 'application/json': { schema: vjpReply } } },
          ...problemResponses([...logitsCodes, 'invalid-seed', 'gradient-overflow']),
        },
      },
    },
    async (request, reply) => {
      const { draw, cotangent, estimator, raoSamples } = request.body;
      const masking = checkMasks(draw.masks, draw.logits);
      if (masking) await masking;
      const checking = checkCotangent(request.body);
      if (checking) await checking;
      const job = vjpJob(draw, cotangent.data, estimator, raoSamples);
      const result = await drawFor(request, sampler, job, termsOf(request, reply, limits));
      const gradients = await sumGradients(job, result, nextTurn);
      refuseOverflow(draw, gradients, (field, row) => {
        const shape = field === 'logits' ? draw.logits.leadingShape : draw.temperature.shape;
        return ['', field, ...(row < 0 ? [] : indexPath(row, shape))].join('/');
      });
      const body = printBody(toMembers(request.body, gradients, sampler), printed);
      return sendDrawn(request, reply, sampler, { job, result }, body);
    },
  );
}

function toMembers({ draw, estimator }: VjpRequest, gradients: Gradients, sampler: Sampler): Member[] {
  const members: Member[] = [{ name: 'grad_logits', numbers: gradients.logits, shape: logitsShape(draw.logits) }];
  if (hasTemperatureGradient(estimator)) {
    const { perRow, shape } = draw.temperature;
    const numbers = perRow ? gradients.temperature : Float32Array.of(gradients.sharedTemperature);
    members.push({ name: 'grad_temperature', numbers, shape });
  }
  members.push({ name: 'estimator', value: estimator }, ...drawMembers(draw, sampler));
  return members;
}
