/** The OpenAPI document: its description of the service as a whole, and the routes that serve it. */
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import { stringify } from 'yaml';
import { securityScheme } from '../access/guard.js';
import { type ConstantReply, constantReply, sendConstant } from '../http/constant-reply.js';
import type { RouteContext } from './context.js';
import { finishDocument, type Paths } from './openapi.js';
import { pageHeaders, swaggerUiRoutes } from './swagger-ui.js';

const description = `Draws Gumbel-softmax samples that can be replayed and trusted.

A sample is a pure function of its inputs and its seed: the same bits alone or in any batch, on any replica. The noise is exact in the far tail, and the argmax of the samples follows softmax(logits).

[/explore](/explore) shows when Gumbel noise is needed, rather than softmax with temperature.

Errors are application/problem+json (RFC 9457); their \`type\` is a path of this service that explains the code.`;

/**
 * Registers @fastify/swagger. Call it before the routes that the document describes.
 *
 * @param editPaths changes the operations collected from the routes
 */
export async function describeRoutes(
  app: FastifyInstance,
  { version }: RouteContext,
  editPaths: (paths: Paths) => Paths,
): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'gumbel-sampler',
        version,
        description,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/', description: 'This replica.' }],
      tags: [
        { name: 'sampling', description: 'Draw samples.' },
        { name: 'open inference protocol', description: 'The same draws for clients of KServe and Triton.' },
        { name: 'health', description: 'Kubernetes probes and metrics.' },
        { name: 'errors', description: 'What an error means.' },
      ],
      security: [],
      components: {
        securitySchemes: {
          [securityScheme]: {
            type: 'http',
            scheme: 'bearer',
            description: 'An API key, issued by the operator of the service. Needed only if API_KEYS_FILE is set.',
          },
        },
      },
    },
    transform: jsonSchemaTransform,
    convertConstToEnum: false,
    transformObject: (document) => {
      if (!('openapiObject' in document)) throw new Error('The document is not OpenAPI 3. This is a bug.');
      return finishDocument(document.openapiObject, editPaths);
    },
  });
}

/**
 * Serves the document and the page that shows it. Call it after all routes. The document is printed once, when the app
 * is ready, because that takes the HTTP thread milliseconds.
 */
export function docsRoutes(app: FastifyInstance, context: RouteContext): void {
  const documents: Record<string, ConstantReply> = {};
  app.addHook('onReady', async () => {
    const document = app.swagger();
    const json = JSON.stringify(document);
    // `app.swagger({ yaml: true })` would generate the document again.
    const yaml = stringify(document, { aliasDuplicateObjects: false });
    documents['/openapi.json'] = constantReply(json, 'application/json; charset=utf-8');
    documents['/openapi.yaml'] = constantReply(yaml, 'application/yaml');
    documents['/docs/json'] = constantReply(json, 'application/json; charset=utf-8', pageHeaders);
    documents['/docs/yaml'] = constantReply(yaml, 'application/x-yaml', pageHeaders);
  });
  for (const url of ['/openapi.json', '/openapi.yaml', '/docs/json', '/docs/yaml']) {
    app.get(url, { schema: { hide: true } }, (request, reply) =>
      sendConstant(request, reply, documents[url] as ConstantReply),
    );
  }
  swaggerUiRoutes(app, context);
}
