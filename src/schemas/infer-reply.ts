/** Replies of the Open Inference Protocol: an inference, the metadata and the probes, and its errors. */
import { z } from 'zod';
import { fieldErrorsMax, type ProblemCode } from '../errors.js';
import { datatypes } from '../tensors/datatypes.js';
import { errorResponses } from './problem.js';

const scalar = z.union([z.string(), z.number(), z.boolean()]);

/** What an inference replies in JSON; outputs are printed outside zod, so this schema only documents. */
export const inferReply = z
  .object({
    model_name: z.string(),
    model_version: z.string(),
    id: z.string().optional().meta({ description: 'That of the request.' }),
    parameters: z.record(z.string(), scalar).meta({
      description: 'seed (a decimal string; absent when the request had one per row), noise_version and provider.',
    }),
    outputs: z.array(
      z.object({
        name: z.string(),
        datatype: z.enum(datatypes),
        shape: z.array(z.int()).meta({ description: 'With num_samples a leading axis of S.' }),
        parameters: z.object({ binary_data_size: z.int() }).optional(),
        data: z
          .unknown()
          .optional()
          .meta({
            description: 'Flat, row-major; null for -infinity.',
            type: 'array',
            items: { type: ['number', 'null'] },
          }),
      }),
    ),
  })
  .meta({ id: 'InferReply' });

export const serverMetadata = z
  .object({
    name: z.string(),
    version: z.string(),
    extensions: z.array(z.string()),
    parameters: z
      .object({ noise_version: z.string(), provider: z.string(), device: z.string() })
      .meta({ description: 'What draws: the noise contract, the execution provider and what it runs on.' }),
  })
  .meta({ id: 'ServerMetadata' });

const tensorMetadata = z.object({
  name: z.string(),
  datatype: z.enum(datatypes),
  shape: z.array(z.int()).meta({ description: '-1 where the size varies.' }),
});

export const modelMetadataReply = z
  .object({
    name: z.string(),
    versions: z.array(z.string()),
    platform: z.string(),
    inputs: z.array(tensorMetadata),
    outputs: z.array(tensorMetadata),
  })
  .meta({ id: 'ModelMetadata' });

export const serverLive = z.object({ live: z.literal(true) }).meta({ id: 'ServerLive' });
export const serverReady = z.object({ ready: z.literal(true) }).meta({ id: 'ServerReady' });
export const modelReady = z.object({ name: z.string(), ready: z.literal(true) }).meta({ id: 'ModelReady' });

/** The body of every error under /v2: the protocol's text, and this service's code beside it. */
const inferError = z
  .object({
    error: z.string().meta({ description: 'What is wrong, where, and what would be right.' }),
    code: z.string().meta({ description: 'GET /problems/{code} explains it.' }),
    request_id: z.string(),
    errors: z.array(z.object({ pointer: z.string(), message: z.string() })).max(fieldErrorsMax),
  })
  .meta({ id: 'InferError' });

/** OpenAPI responses for the codes a route of the protocol can give, grouped by status. */
export function inferErrorResponses(codes: readonly ProblemCode[]) {
  return errorResponses(codes, 'application/json', inferError);
}
