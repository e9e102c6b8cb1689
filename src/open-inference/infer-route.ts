/** POST /v2/models/{model}/infer: body -> job -> sampler -> tensors, for all models. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../errors.js';
import type { Memory } from '../json/array-reader.js';
import { printPieces } from '../json/print-body.js';
import type { RouteContext } from '../routes/context.js';
import { logProbJob, randomSeed, sampleJob, vjpJob } from '../routes/draw-job.js';
import { logitsCodes } from '../routes/draw-problems.js';
import { refuseOverflow } from '../routes/gradient-overflow.js';
import { hardenRows } from '../routes/harden-rows.js';
import { type Drawn, drawFor, sendDrawn } from '../routes/run-draw.js';
import { termsOf } from '../routes/terms.js';
import { nextTurn } from '../runtime/event-loop-turns.js';
import { sumGradients } from '../sampler/gradient.js';
import type { Job, JobResult } from '../sampler/job.js';
import type { Sampler } from '../sampler/sampler.js';
import type { Draw } from '../schemas/draw.js';
import { pointAxes } from '../schemas/log-prob-points.js';
import { logitsShape } from '../schemas/logits.js';
import { shapesOf } from '../schemas/outputs.js';
import { readSampleInference, readVjpInference } from './draw.js';
import { readLogProbInference } from './log-prob.js';
import { type ModelParams, modelParams, readModel, versionParams } from './model-param.js';
import { type ModelName, modelVersion } from './models.js';
import { inferErrorResponses, inferReply } from './reply.js';
import { type InferHead, type Output, piecesOf, sendBinary } from './reply-body.js';
import {
  type InferBody,
  type InferLimits,
  type InferRequest,
  inferRequest,
  type RequestedOutput,
  readInferRequest,
} from './request.js';
import { readInferBodies } from './request-body.js';

const inferCodes = [
  ...logitsCodes,
  'malformed-binary',
  'shape-size-mismatch',
  'unknown-model',
  'not-found',
  'invalid-seed',
  'gradient-overflow',
  'zero-sample',
  'not-on-simplex',
] as const;

export function inferRoutes(
  app: FastifyInstance,
  { config: limits, sampler, metrics: { printed } }: RouteContext,
): void {
  readInferBodies(app, limits);
  const requestSchema = inferRequest(limits);
  const infer = async (model: ModelName, body: InferBody, http: FastifyRequest, reply: FastifyReply) => {
    const request = readInferRequest(requestSchema, model, body);
    const { timeout } = request.parameters;
    const terms = termsOf(http, reply, limits, timeout === undefined ? undefined : timeout / 1000);
    const drawJob = (job: Job) => drawFor(http, sampler, job, terms);
    const { seed, drawn, outputs } = await responders[model](request, body.binary, limits, http.memory, drawJob);
    const pieces = piecesOf(headOf(model, request, seed, sampler), outputs);
    if (!outputs.some(({ binary }) => binary)) {
      return sendDrawn(http, reply, sampler, drawn, printPieces(pieces, printed));
    }
    return sendBinary(http, reply, sampler, drawn, { pieces, outputs, printed });
  };
  for (const { url, params, summary, operationId } of paths) {
    // The schema describes the JSON only; the body is the result of request-body.ts: the JSON and the tensors.
    app.post<{ Params: ModelParams; Body: InferBody | undefined }>(
      url,
      {
        schema: {
          operationId,
          summary,
          description:
            'An inference of the Open Inference Protocol: the same as POST /sample, POST /sample/vjp or POST /log-prob, bit for bit. ' +
            'Without the header Inference-Header-Content-Length the body is JSON. With it, the JSON has that many bytes, and the tensors ' +
            'with binary_data_size follow it, little-endian and row-major; 0 means that the body is one row of FP32 logits.',
          tags: ['open inference protocol'],
          params,
          body: requestSchema,
          response: {
            200: { description: 'The outputs.', content: { 'application/json': { schema: inferReply } } },
            ...inferErrorResponses(inferCodes),
          },
        },
        // An unknown model is refused before the body is read.
        onRequest: (request, _reply, done) => {
          readModel(request.params);
          done();
        },
        // No validation here: the handler validates in slices, since a large body would block the event loop.
        validatorCompiler: () => (value) => ({ value }),
      },
      async (request, reply) => {
        const model = readModel(request.params);
        if (!request.body) throw new Problem('malformed-json', 'The body is empty. Send one JSON object.');
        return infer(model, request.body, request, reply);
      },
    );
  }
}

const paths = [
  {
    url: '/v2/models/:model/infer',
    params: modelParams,
    summary: 'Draw, differentiate a draw, or score one',
    operationId: 'infer',
  },
  {
    url: '/v2/models/:model/versions/:version/infer',
    params: versionParams,
    summary: 'The same, for a version of the model',
    operationId: 'inferVersion',
  },
] as const;

/** Draws a job on the terms of the current request. */
type DrawJob = (job: Job) => Promise<JobResult>;

interface Answer {
  /** Undefined for a log-probability, which draws no noise. */
  readonly seed: Draw['seed'] | undefined;
  readonly drawn: Drawn;
  readonly outputs: Output[];
}

async function sample(
  request: InferRequest,
  binary: Buffer,
  limits: InferLimits,
  memory: Memory,
  drawJob: DrawJob,
): Promise<Answer> {
  const { draw, topK, given, outputs } = await readSampleInference(request, binary, limits, memory, randomSeed);
  const job = sampleJob(draw, new Set(outputs.map(({ spec }) => spec.output)), topK, given);
  const result = await drawJob(job);
  await hardenRows(draw, result);
  const shapes = shapesOf(draw, topK);
  return {
    seed: draw.seed,
    drawn: { job, result },
    outputs: outputs.map((output) => {
      const numbers = result[output.spec.output];
      if (!numbers) throw new Error(`The sampler left ${output.name} out. This is a bug.`);
      return toOutput(output, shapes[output.spec.width], numbers);
    }),
  };
}

async function vjp(
  request: InferRequest,
  binary: Buffer,
  limits: InferLimits,
  memory: Memory,
  drawJob: DrawJob,
): Promise<Answer> {
  const { draw, cotangent, estimator, raoSamples, outputs } = await readVjpInference(request, binary, limits, memory);
  const job = vjpJob(draw, cotangent, estimator, raoSamples);
  const result = await drawJob(job);
  const gradients = await sumGradients(job, result, nextTurn);
  const inputIndex = (name: string) => request.inputs.findIndex((input) => input.name === name);
  refuseOverflow(draw, gradients, (field) =>
    inputIndex(field) < 0 ? `/parameters/${field}` : `/inputs/${inputIndex(field)}`,
  );
  const { perRow, shape } = draw.temperature;
  const temperatureGradient = perRow ? gradients.temperature : Float32Array.of(gradients.sharedTemperature);
  return {
    seed: draw.seed,
    drawn: { job, result },
    outputs: outputs.map((output) =>
      output.name === 'grad_logits'
        ? toOutput(output, logitsShape(draw.logits), gradients.logits)
        : toOutput(output, perRow ? shape : [1], temperatureGradient),
    ),
  };
}

async function logProb(
  request: InferRequest,
  binary: Buffer,
  limits: InferLimits,
  _memory: Memory,
  drawJob: DrawJob,
): Promise<Answer> {
  const { logits, temperature, points, outputs } = await readLogProbInference(request, binary, limits);
  const job = logProbJob(logits, temperature, points);
  const result = await drawJob(job);
  return {
    seed: undefined,
    drawn: { job, result },
    outputs: outputs.map((output) => toOutput(output, pointAxes(points), result.logProb as Float64Array)),
  };
}

const responders = { gumbel_softmax: sample, gumbel_softmax_vjp: vjp, gumbel_softmax_log_prob: logProb } as const;

function toOutput(
  { name, spec, binary }: RequestedOutput,
  shape: readonly number[],
  numbers: Output['numbers'],
): Output {
  return { name, datatype: spec.datatype, shape, numbers, binary };
}

/** The first seed in decimal digits. */
function seedText([low = 0, high = 0]: Uint32Array): string {
  return String((BigInt(high) << 32n) | BigInt(low));
}

/** The protocol's parameters are scalars, so the reply does not repeat seeds per row. */
function headOf(model: ModelName, { id }: InferRequest, seed: Answer['seed'], sampler: Sampler): InferHead {
  return {
    model_name: model,
    model_version: modelVersion,
    id,
    parameters: {
      ...(seed && !seed.perRow ? { seed: seedText(seed.words) } : {}),
      noise_version: sampler.noiseVersion,
      provider: sampler.provider,
    },
  };
}
