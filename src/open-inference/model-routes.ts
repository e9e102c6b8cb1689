/** GET /v2 and paths below it: metadata of the server and its models in the Open Inference Protocol, and its probes. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { ZodType } from 'zod';
import type { ProblemCode } from '../errors.js';
import type { RouteContext } from '../routes/context.js';
import { assertReady, unreadyCodes } from '../routes/health.js';
import { modelParams, readModel, versionParams } from './model-param.js';
import { modelMetadata } from './models.js';
import {
  inferErrorResponses,
  modelMetadataReply,
  modelReady,
  serverLive,
  serverMetadata,
  serverReady,
} from './reply.js';

/** OpenAPI description of a route with the reply `reply`, or an error of `codes`. */
function describe<Reply extends ZodType>(
  operationId: string,
  summary: string,
  description: string,
  reply: Reply,
  codes: readonly ProblemCode[],
) {
  return {
    operationId,
    summary,
    description,
    tags: ['open inference protocol'],
    response: {
      200: { description: `${summary}.`, content: { 'application/json': { schema: reply } } },
      ...inferErrorResponses(['bad-request', ...codes]),
    },
  };
}

export function modelRoutes(app: FastifyInstance, context: RouteContext): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const { version } = context;
  const { noiseVersion, provider, device } = context.sampler;
  const parameters = { noise_version: noiseVersion, provider, device };
  const server = { name: 'gumbel-sampler', version, extensions: ['binary_tensor_data'], parameters };
  typed.get(
    '/v2',
    {
      schema: describe(
        'serverMetadata',
        'The server',
        'Its name, version, protocol extensions, noise version, execution provider and device.',
        serverMetadata,
        ['unauthenticated'],
      ),
    },
    () => server,
  );
  typed.get(
    '/v2/health/live',
    { schema: describe('serverLive', 'Whether the process is alive', 'The same as GET /livez.', serverLive, []) },
    () => ({
      live: true as const,
    }),
  );
  typed.get(
    '/v2/health/ready',
    {
      schema: describe('serverReady', 'Whether requests should be sent here', 'The same as GET /readyz.', serverReady, [
        ...unreadyCodes,
      ]),
    },
    () => {
      assertReady(context);
      return { ready: true as const };
    },
  );
  for (const [path, params, suffix] of [
    ['/v2/models/:model', modelParams, ''],
    ['/v2/models/:model/versions/:version', versionParams, 'Version'],
  ] as const) {
    const metadata = describe(
      `modelMetadata${suffix}`,
      'The tensors of a model',
      'Names, datatypes and shapes of its inputs and outputs.',
      modelMetadataReply,
      ['unauthenticated', 'unknown-model', 'not-found'],
    );
    typed.get(path, { schema: { ...metadata, params } }, (request) => modelMetadata(readModel(request.params)));
    const ready = describe(
      `modelReady${suffix}`,
      'Whether a model is ready',
      'Every model is ready when the server is.',
      modelReady,
      ['unknown-model', 'not-found', ...unreadyCodes],
    );
    typed.get(`${path}/ready`, { schema: { ...ready, params } }, (request) => {
      const name = readModel(request.params);
      assertReady(context);
      return { name, ready: true as const };
    });
  }
}
