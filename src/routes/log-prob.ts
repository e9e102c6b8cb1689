/** POST /log-prob, the log-density of relaxed samples: body -> job -> sampler -> body. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { type Member, printBody } from '../json/print-body.js';
import type { DensityJob } from '../sampler/job.js';
import { checkPoints, type LogProbRequest, logProbReply, logProbRequest } from '../schemas/log-prob.js';
import { checkMasks } from '../schemas/masks.js';
import { problemResponses } from '../schemas/problem.js';
import type { RouteContext } from './context.js';
import { ofRows } from './draw-job.js';
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
        summary: 'Log-density of relaxed samples',
        description:
          'log p(samples | logits, temperature) of the Gumbel-softmax (Concrete) distribution, in float64; equal to ' +
          "torch's RelaxedOneHotCategorical.log_prob. Send log_samples where samples underflow.",
        tags: ['sampling'],
        body: logProbRequest(limits),
        response: {
          200: { description: 'The log-densities.', content: { 'application/json': { schema: logProbReply } } },
          ...problemResponses([...logitsCodes, 'zero-sample', 'not-on-simplex']),
        },
      },
    },
    async (request, reply) => {
      const { logits, temperature } = request.body;
      const masking = checkMasks(request.body.masks, logits);
      if (masking) await masking;
      const checking = checkPoints(request.body);
      if (checking) await checking;
      const job = toJob(request.body);
      const result = await drawFor(request, sampler, job, termsOf(request, reply, limits));
      const { logProb } = result;
      const members: Member[] = [temperatureMember(temperature)];
      if (logProb) members.unshift({ name: 'log_prob', numbers: logProb, shape: logits.leadingShape });
      return sendDrawn(request, reply, sampler, { job, result }, printBody(members, printed));
    },
  );
}

function toJob({ logits, temperature, points, logarithms }: LogProbRequest): DensityJob {
  const { rows, categories, data } = logits;
  return {
    kind: logarithms ? 'densityOfLogSamples' : 'densityOfSamples',
    rows,
    categories,
    samples: 1,
    logits: data,
    temperature: ofRows(temperature, rows),
    points: points.data,
    outputs: new Set(['logProb'] as const),
  };
}
