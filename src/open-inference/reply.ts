/** Reply schemas of the Open Inference Protocol: inference, metadata, probes and errors. */
import { z } from 'zod';
import { type ProblemCode, problemKind } from '../errors.js';
import { component } from '../schemas/component.js';
import { scalar } from '../schemas/nested.js';
import { errorResponses, exampleRequestId, fieldErrors, traceMembers } from '../schemas/problem.js';
import { modelMetadata } from './models.js';
import { datatypes } from './tensors/datatypes.js';

const datatype = z.enum(datatypes).meta(component('Datatype'));

const outputTensor = z
  .object({
    name: z.string(),
    datatype,
    shape: z.array(z.int().min(0)).meta({ description: 'With num_samples it has a leading axis S.' }),
    parameters: z
      .object({
        binary_data_size: z.int().min(0).meta({ description: 'Bytes of this output behind the JSON, without data.' }),
      })
      .meta(component('OutputTensorParameters', { binary_data_size: 24 }))
      .optional(),
    data: z
      .unknown()
      .optional()
      .meta({
        description: 'Flat, row-major; null for -infinity.',
        type: 'array',
        items: scalar('LogDensity'),
      }),
  })
  .meta(component('OutputTensor'));

/** The JSON reply of an inference. This schema only documents: json/ prints the outputs, not zod. */
export const inferReply = z
  .object({
    model_name: z.string(),
    model_version: z.string(),
    id: z.string().optional().meta({ description: 'The id of the request.' }),
    parameters: z
      .object({
        seed: z
          .string()
          .optional()
          .meta({ description: 'Decimal digits. Absent if the request has a seed per row, or none.' }),
        noise_version: z.string(),
        provider: z.string(),
      })
      .meta(component('InferReplyParameters')),
    outputs: z.array(outputTensor),
  })
  .meta(component('InferReply'));

export const serverMetadata = z
  .object({
    name: z.string(),
    version: z.string(),
    extensions: z.array(z.string()),
    parameters: z.object({ noise_version: z.string(), provider: z.string(), device: z.string() }).meta({
      ...component('ServerParameters'),
      description: 'Noise version, execution provider and its device.',
    }),
  })
  .meta(
    component('ServerMetadata', {
      name: 'gumbel-sampler',
      version: '0.1.0',
      extensions: ['binary_tensor_data'],
      parameters: { noise_version: 'philox4x32-10/1', provider: 'cpu', device: '' },
    }),
  );

const tensorMetadata = z
  .object({
    name: z.string(),
    datatype,
    shape: z.array(z.int().min(-1)).meta({ description: '-1 where the size varies.' }),
  })
  .meta(component('TensorMetadata'));

export const modelMetadataReply = z
  .object({
    name: z.string(),
    versions: z.array(z.string()),
    platform: z.string(),
    inputs: z.array(tensorMetadata),
    outputs: z.array(tensorMetadata),
  })
  .meta(component('ModelMetadata', modelMetadata('gumbel_softmax')));

export const serverLive = z.object({ live: z.literal(true) }).meta(component('ServerLive', { live: true }));
export const serverReady = z.object({ ready: z.literal(true) }).meta(component('ServerReady', { ready: true }));
export const modelReady = z
  .object({ name: z.string(), ready: z.literal(true) })
  .meta(component('ModelReady', { name: 'gumbel_softmax', ready: true }));

/** The body of every error under /v2: the protocol's `error`, and this service's code, request id and field errors. */
export const inferError = z
  .object({
    error: z.string().meta({ description: 'What is wrong, where, and what to send instead.' }),
    code: z.string().meta({ description: 'GET /problems/{code} explains it.' }),
    request_id: z.string(),
    ...traceMembers,
    errors: fieldErrors,
  })
  .meta(component('InferError'));

function inferErrorExample(code: ProblemCode) {
  const { meaning, remedy } = problemKind(code);
  return { error: `${code}: ${meaning} ${remedy}`, code, request_id: exampleRequestId, errors: [] };
}

/** OpenAPI responses for the error codes of a route of the protocol, grouped by status. */
export function inferErrorResponses(codes: readonly ProblemCode[]) {
  return errorResponses(codes, 'application/json', inferError, inferErrorExample);
}
