/** POST /sample: body -> job -> sampler -> body. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { type Member, printBody } from '../json/print-body.js';
import type { Job, JobResult, OutputName } from '../sampler/job.js';
import type { Sampler } from '../sampler/sampler.js';
import { drawAxes } from '../schemas/draw.js';
import { checkMasks } from '../schemas/masks.js';
import { problemResponses } from '../schemas/problem.js';
import { type ReturnName, type SampleRequest, sampleReply, sampleRequest } from '../schemas/sample.js';
import type { RouteContext } from './context.js';
import { drawFor, drawMembers, logitsCodes, randomSeed, sampleJob, sendDrawn } from './draw-job.js';
import { termsOf } from './terms.js';

const outputOf: Readonly<Record<ReturnName, OutputName>> = {
  samples: 'samples',
  indices: 'indices',
  log_samples: 'logSamples',
  log_prob: 'logProb',
  noise: 'noise',
};

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
          'With several mistakes in one body, the code is that of the first field in the order below.',
        tags: ['sampling'],
        body: sampleRequest(limits, randomSeed),
        response: {
          200: { description: 'The samples.', content: { 'application/json': { schema: sampleReply } } },
          ...problemResponses([...logitsCodes, 'invalid-seed']),
        },
      },
    },
    async (request, reply) => {
      const { logits, masks } = request.body.draw;
      const masking = checkMasks(masks, logits);
      if (masking) await masking;
      const job = toJob(request.body);
      const result = await drawFor(request, sampler, job, termsOf(request, reply, limits));
      const body = printBody(toMembers(request.body, result, sampler), printed);
      return sendDrawn(request, reply, sampler, { job, result }, body);
    },
  );
}

function toJob({ draw, returned, topK }: SampleRequest): Job {
  const outputs = new Set<OutputName>();
  for (const name of returned) outputs.add(outputOf[name]);
  if (topK > 0) outputs.add('topIndices');
  return sampleJob(draw, outputs, topK);
}

function toMembers({ draw, topK }: SampleRequest, result: JobResult, sampler: Sampler): Member[] {
  const axes = drawAxes(draw);
  const full = [...axes, draw.logits.categories];
  const members: Member[] = [];
  if (result.samples) members.push({ name: 'samples', numbers: result.samples, shape: full });
  if (result.indices) members.push({ name: 'indices', numbers: result.indices, shape: axes });
  if (result.topIndices) members.push({ name: 'top_indices', numbers: result.topIndices, shape: [...axes, topK] });
  if (result.logSamples) members.push({ name: 'log_samples', numbers: result.logSamples, shape: full });
  if (result.logProb) members.push({ name: 'log_prob', numbers: result.logProb, shape: axes });
  if (result.noise) members.push({ name: 'noise', numbers: result.noise, shape: full });
  members.push(...drawMembers(draw, sampler));
  return members;
}
