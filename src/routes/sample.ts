/** POST /sample: body -> job -> sampler -> body. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { type Member, printBody } from '../json/print-body.js';
import type { JobResult, SampleJob } from '../sampler/job.js';
import { type OutputName, outputs } from '../sampler/outputs.js';
import type { Sampler } from '../sampler/sampler.js';
import { checkMasks } from '../schemas/masks.js';
import { sampleOutputNames, sampleOutputs, shapesOf } from '../schemas/outputs.js';
import { problemResponses } from '../schemas/problem.js';
import { type SampleRequest, sampleReply, sampleRequest } from '../schemas/sample.js';
import type { RouteContext } from './context.js';
import { randomSeed, sampleJob } from './draw-job.js';
import { logitsCodes } from './draw-problems.js';
import { hardenRows } from './harden-rows.js';
import { drawMembers } from './reply-members.js';
import { drawFor, sendDrawn } from './run-draw.js';
import { termsOf } from './terms.js';

export function sampleRoute(
  app: FastifyInstance,
  { config: limits, sampler, metrics: { printed } }: RouteContext,
): void {
  app.withTypeProvider<ZodTypeProvider>().post(
    '/sample',
    {
      schema: {
        operationId: 'sample',
        summary: 'Draw Gumbel-softmax samples',
        description:
          'Adds Gumbel noise to the logits and returns softmax((logits + noise) / temperature), or its one-hot argmax. ' +
          'The draw is a pure function of the request and its seed: the same seed gives the same bits, alone or in any batch. ' +
          'If a body has several errors, the reply has the code of the first field in the order below.',
        tags: ['sampling'],
        body: sampleRequest(limits, randomSeed),
        response: {
          200: { description: 'The samples.', content: { 'application/json': { schema: sampleReply } } },
          ...problemResponses([...logitsCodes, 'invalid-seed']),
        },
      },
    },
    async (request, reply) => {
      const { draw } = request.body;
      const { logits, masks } = draw;
      const masking = checkMasks(masks, logits);
      if (masking) await masking;
      const job = toJob(request.body);
      const result = await drawFor(request, sampler, job, termsOf(request, reply, limits));
      const hardening = hardenRows(draw, result);
      if (hardening) await hardening;
      const body = printBody(toMembers(request.body, result, sampler), printed);
      return sendDrawn(request, reply, sampler, { job, result }, body);
    },
  );
}

function toJob({ draw, returned, topK, given }: SampleRequest): SampleJob {
  const wanted = new Set<OutputName>();
  for (const name of returned) wanted.add(sampleOutputs[name].output);
  if (topK > 0) wanted.add('topIndices');
  return sampleJob(draw, wanted, topK, given);
}

function toMembers({ draw, returned, topK }: SampleRequest, result: JobResult, sampler: Sampler): Member[] {
  const shapes = shapesOf(draw, topK);
  const members: Member[] = [];
  for (const name of sampleOutputNames) {
    const { output } = sampleOutputs[name];
    const numbers = result[output];
    // Rows that are hard one by one need their indices, asked for or not.
    const isReturned = name === 'top_indices' || returned.has(name);
    if (numbers && isReturned) members.push({ name, numbers, shape: shapes[outputs[output].width] });
  }
  members.push(...drawMembers(draw, sampler));
  return members;
}
