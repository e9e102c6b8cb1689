/** Swagger UI at /docs and the document it shows, as /openapi.json and /openapi.yaml. */
import helmet, { type FastifyHelmetOptions } from '@fastify/helmet';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { securityScheme } from '../access/guard.js';

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
 * What the page may do: its own scripts, styles and pictures, and requests to this service. The style attributes are Swagger
 * UI's own. Nothing here asks for HTTPS, which a service inside a cluster does not have.
 */
const pageSecurity: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      'default-src': ["'none'"],
      'script-src': ["'self'"],
      'style-src': ["'self'", "'unsafe-inline'"],
      'img-src': ["'self'", 'data:'],
      'font-src': ["'self'"],
      'connect-src': ["'self'"],
      'base-uri': ["'none'"],
      'form-action': ["'none'"],
      'frame-ancestors': ["'none'"],
    },
  },
  xFrameOptions: { action: 'deny' },
  // TLS ends before this service, and whoever ends it decides on HSTS. Browsers ignore the other two without TLS.
  strictTransportSecurity: false,
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
};

/** Serves the document and the page; call it after the routes are described. */
export async function docsRoutes(app: FastifyInstance): Promise<void> {
  await app.register(async (page) => {
    // The policy of JSON replies, which every reply starts with, would leave the page blank.
    page.addHook('onRequest', async (_request, reply) => {
      reply.removeHeader('content-security-policy');
    });
    await page.register(helmet, pageSecurity);
    await page.register(swaggerUi, {
      routePrefix: '/docs',
      uiConfig: { tryItOutEnabled: true, displayRequestDuration: true, persistAuthorization: false },
    });
  });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  app.get('/openapi.yaml', { schema: { hide: true } }, (_request, reply) =>
    reply.type('application/yaml').send(app.swagger({ yaml: true })),
  );
}
