/** POST /log-prob, the density of relaxed samples or the probability of indices: body -> job -> sampler -> body. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { type Member, printBody } from '../json/print-body.js';
import { checkLogProbPoints, logProbReply, logProbRequest } from '../schemas/log-prob.js';
import { pointAxes } from '../schemas/log-prob-points.js';
import { checkMasks } from '../schemas/masks.js';
import { problemResponses } from '../schemas/problem.js';
import type { RouteContext } from './context.js';
import { logProbJob } from './draw-job.js';
import { logitsCodes } from './draw-problems.js';
import { temperatureMember } from './reply-members.js';
import { drawFor, sendDrawn } from './run-draw.js';
import { termsOf } from './terms.js';

export function logProbRoute(
  app: FastifyInstance,
  { config: limits, sampler, metrics: { printed } }: RouteContext,
): void {
  app.withTypeProvider<ZodTypeProvider>().post(
    '/log-prob',
    {
      schema: {
        operationId: 'logProb',
        summary: 'Log-density of relaxed samples, log-probability of indices',
        description:
          'log p(samples | logits, temperature) of the Gumbel-softmax (Concrete) distribution, in float64; equal to ' +
          "torch's RelaxedOneHotCategorical.log_prob. Send log_samples where samples underflow. Or log softmax(logits) at " +
          'indices, and of top_indices the log-probability that they are drawn in this order without replacement.',
        tags: ['sampling'],
        body: logProbRequest(limits),
        response: {
          200: {
            description: 'The log-densities or log-probabilities.',
            content: { 'application/json': { schema: logProbReply } },
          },
          ...problemResponses([...logitsCodes, 'zero-sample', 'not-on-simplex']),
        },
      },
    },
    async (request, reply) => {
      const { logits, temperature, points } = request.body;
      const masking = checkMasks(request.body.masks, logits);
      if (masking) await masking;
      const checking = checkLogProbPoints(request.body);
      if (checking) await checking;
      const job = logProbJob(logits, temperature, points);
      const result = await drawFor(request, sampler, job, termsOf(request, reply, limits));
      const { logProb } = result;
      const members: Member[] = temperature ? [temperatureMember(temperature)] : [];
      if (logProb) members.unshift({ name: 'log_prob', numbers: logProb, shape: pointAxes(points) });
      return sendDrawn(request, reply, sampler, { job, result }, printBody(members, printed));
    },
  );
}
