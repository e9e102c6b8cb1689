/** POST /sample/vjp, the backward pass of a draw: body -> job -> sampler -> sums -> body. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { Problem } from '../errors.js';
import { type Member, printBody } from '../json/print-body.js';
import { type Gradients, sumGradients } from '../sampler/gradient.js';
import type { Job } from '../sampler/job.js';
import type { Sampler } from '../sampler/sampler.js';
import type { DrawLimits } from '../schemas/draw.js';
import { problemResponses } from '../schemas/problem.js';
import { type VjpRequest, vjpReply, vjpRequest } from '../schemas/vjp.js';
import { drawJob, drawMembers, logitsCodes } from './draw-job.js';

export function vjpRoute(app: FastifyInstance, limits: DrawLimits, sampler: Sampler): void {
  app.withTypeProvider<ZodTypeProvider>().post(
    '/sample/vjp',
    {
      schema: {
        operationId: 'sampleVjp',
        summary: 'Backward pass of a draw: vector-Jacobian product',
        description:
          'Replays the noise of the draw with the same fields and seed, and pulls the cotangent back to the logits and the ' +
          'temperature. Hard samples borrow the gradient of the soft ones (straight-through) unless estimator says reinmax. ' +
          'With num_samples the gradients are summed over the samples, as the chain rule asks.',
        tags: ['sampling'],
        body: vjpRequest(limits),
        response: {
          200: { description: 'The gradients.', content: { 'application/json': { schema: vjpReply } } },
          ...problemResponses([...logitsCodes, 'invalid-seed', 'gradient-overflow']),
        },
      },
    },
    async (request, reply) => {
      const job = toJob(request.body);
      const gradients = sumGradients(job, await sampler.draw(job));
      refuseOverflow(request.body, gradients);
      return reply.type('application/json').send(printBody(toMembers(request.body, gradients, sampler)) as never);
    },
  );
}

function toJob({ draw, cotangent, estimator }: VjpRequest): Job {
  const straightThrough = estimator === 'straight_through';
  return {
    ...drawJob(draw),
    kind: straightThrough ? 'vjp' : 'reinmax',
    topK: 0,
    points: cotangent,
    outputs: new Set(straightThrough ? (['gradLogits', 'gradTemperature'] as const) : (['gradLogits'] as const)),
  };
}

function refuseOverflow({ draw }: VjpRequest, { overflowRow, sharedTemperature }: Gradients): void {
  const shared = !draw.temperature.perRow && !Number.isFinite(sharedTemperature);
  if (overflowRow < 0 && !shared) return;
  const where = overflowRow < 0 ? 'The gradient of the temperature' : `A gradient of row ${overflowRow}`;
  const pointer = overflowRow < 0 ? '/temperature' : draw.logits.rank === 1 ? '/logits' : `/logits/${overflowRow}`;
  throw new Problem('gradient-overflow', `${where} is larger than float32 can hold.`, [
    { pointer, message: 'has a gradient larger than 3.4028235e38: scale the cotangent down' },
  ]);
}

function toMembers({ draw, estimator }: VjpRequest, gradients: Gradients, sampler: Sampler): Member[] {
  const { rank, rows, categories } = draw.logits;
  const axes = rank === 1 ? [] : [rows];
  const members: Member[] = [{ name: 'grad_logits', numbers: gradients.logits, shape: [...axes, categories] }];
  if (estimator === 'straight_through') {
    const { perRow } = draw.temperature;
    const numbers = perRow ? gradients.temperature : Float32Array.of(gradients.sharedTemperature);
    members.push({ name: 'grad_temperature', numbers, shape: perRow ? [rows] : [] });
  }
  members.push({ name: 'estimator', value: estimator }, ...drawMembers(draw, sampler));
  return members;
}
