/** The OpenAPI document: what it says of the service as a whole, and where it is served. */
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { securityScheme } from '../access/guard.js';
import { type ConstantReply, constantReply, sendConstant } from '../http/constant-reply.js';
import { pageHeaders, swaggerUiRoutes } from './swagger-ui.js';

interface OpenApiDocument {
  readonly components: { readonly schemas: Record<string, unknown> };
  readonly paths: Record<string, { readonly post?: { requestBody: Body; responses: { '200': Body } } }>;
}

interface Body {
  readonly content: Record<string, unknown>;
}

const description = `Draws Gumbel-softmax samples that can be replayed and trusted.

A sample is a pure function of its inputs and its seed: the same bits alone or in any batch, on any replica. The noise is exact in the far tail, and the argmax of what comes back follows softmax(logits).

[/explore](/explore) shows when Gumbel noise is needed, rather than softmax with temperature.

Errors are application/problem+json (RFC 9457); their \`type\` is a path of this service that explains the code.`;

/** Registers the document's generator; call it before the routes it describes. */
export async function describeRoutes(app: FastifyInstance, version: string): Promise<void> {
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
            description: 'A key that whoever runs the service gave out. Needed only where API_KEYS_FILE is set.',
          },
        },
      },
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => withBinaryBodies(withoutUnusedSchemas(jsonSchemaTransformObject(document))),
  });
}

/** zod's schemas with an id come out in an input and an output form; no route refers to the input form of a reply. */
function withoutUnusedSchemas(document: ReturnType<typeof jsonSchemaTransformObject>) {
  const { schemas } = (document as unknown as OpenApiDocument).components;
  const text = JSON.stringify(document);
  for (const name of Object.keys(schemas)) {
    if (!text.includes(`"#/components/schemas/${name}"`)) delete schemas[name];
  }
  return document;
}

/** Inference routes take and give bytes too, which zod has no schema for. */
function withBinaryBodies(document: ReturnType<typeof jsonSchemaTransformObject>) {
  const bytes = { schema: { type: 'string', contentMediaType: 'application/octet-stream' } };
  for (const [path, item] of Object.entries((document as unknown as OpenApiDocument).paths)) {
    if (!path.endsWith('/infer') || !item.post) continue;
    for (const { content } of [item.post.requestBody, item.post.responses['200']]) {
      content['application/octet-stream'] = bytes;
    }
  }
  return document;
}

/**
 * Serves the document, and the page that shows it; call it after the routes are described. The document is printed once, when the app is
 * ready: each time it would take the HTTP thread milliseconds.
 */
export function docsRoutes(app: FastifyInstance, keys: boolean): void {
  const documents: Record<string, ConstantReply> = {};
  app.addHook('onReady', async () => {
    const json = JSON.stringify(app.swagger());
    const yaml = app.swagger({ yaml: true });
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
  swaggerUiRoutes(app, keys);
}
