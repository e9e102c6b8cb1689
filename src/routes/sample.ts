/** POST /sample: body -> job -> sampler -> body. */
import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { ProblemCode } from '../errors.js';
import { type Member, printBody } from '../json/print-body.js';
import type { Job, JobResult } from '../sampler/job.js';
import type { Sampler } from '../sampler/sampler.js';
import { problemResponses } from '../schemas/problem.js';
import { type Draw, type DrawLimits, sampleReply, sampleRequest } from '../schemas/sample.js';

const codes: readonly ProblemCode[] = [
  'malformed-json',
  'bad-request',
  'request-timeout',
  'body-too-large',
  'too-many-elements',
  'unsupported-media-type',
  'validation',
  'non-finite-logits',
  'all-masked-row',
  'ragged-rows',
  'empty-input',
  'temperature-out-of-range',
  'invalid-seed',
  'internal',
  'overloaded',
  'worker-lost',
];

/** 64 bits from the system's CSPRNG, as the decimal string that replays them. */
function randomSeed(): string {
  return randomBytes(8).readBigUInt64LE().toString();
}

export function sampleRoute(app: FastifyInstance, limits: DrawLimits, sampler: Sampler): void {
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
          ...problemResponses(codes),
        },
      },
    },
    async (request, reply) => {
      const draw = request.body;
      const result = await sampler.draw(toJob(draw));
      return reply.type('application/json').send(printBody(toMembers(draw, result, sampler)) as never);
    },
  );
}

function toJob({ logits, temperature, seed, outputs, ...draw }: Draw): Job {
  const { rows, categories } = logits;
  return {
    rows,
    categories,
    samples: draw.numSamples ?? 1,
    logits: logits.data,
    temperature: temperature.perRow ? temperature.values : new Float32Array(rows).fill(temperature.values[0] as number),
    streams: streamsOf(draw.rowOffset, seed, rows),
    firstSample: draw.sampleOffset,
    hard: draw.hard,
    gumbel: draw.noise === 'gumbel',
    outputs,
  };
}

/** uint32 [rows, 3]: rows count up from the offset under one seed; with a seed per row each row is row 0 of its seed. */
function streamsOf(rowOffset: number, { perRow, words }: Draw['seed'], rows: number): Uint32Array {
  const streams = new Uint32Array(3 * rows);
  for (let row = 0; row < rows; row++) {
    const seed = perRow ? 2 * row : 0;
    streams[3 * row] = words[seed] as number;
    streams[3 * row + 1] = words[seed + 1] as number;
    streams[3 * row + 2] = perRow ? 0 : rowOffset + row;
  }
  return streams;
}

function toMembers(draw: Draw, { samples, indices, noise }: JobResult, sampler: Sampler): Member[] {
  const { rank, rows, categories } = draw.logits;
  const draws = [...(draw.numSamples === undefined ? [] : [draw.numSamples]), ...(rank === 1 ? [] : [rows])];
  const { values } = draw.temperature;
  const members: Member[] = [];
  if (samples) members.push({ name: 'samples', numbers: samples, shape: [...draws, categories] });
  if (indices) members.push({ name: 'indices', numbers: indices, shape: draws });
  if (noise) members.push({ name: 'noise', numbers: noise, shape: [...draws, categories] });
  members.push({ name: 'seed', value: draw.seed.given });
  members.push({ name: 'temperature', numbers: values, shape: draw.temperature.perRow ? [rows] : [] });
  members.push({ name: 'hard', value: draw.hard });
  members.push({ name: 'noise_version', value: sampler.noiseVersion });
  members.push({ name: 'provider', value: sampler.provider });
  return members;
}
