/** How routes read JSON bodies: media type checks, then the project's own parser straight from the bytes. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from '../errors.js';
import { parseBody } from '../json/parse-body.js';

/** Fields that are parsed into typed arrays, wherever a route has them. */
const matrixFields: ReadonlySet<string> = new Set(['logits']);

const jsonInUtf8 = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;

async function refuseOtherMediaTypes(request: FastifyRequest): Promise<void> {
  const { 'content-type': contentType = '', 'content-encoding': contentEncoding } = request.headers;
  if (contentEncoding !== undefined) {
    throw new Problem('unsupported-media-type', 'Send the body uncompressed, without Content-Encoding.');
  }
  if (!jsonInUtf8.test(contentType.trim())) {
    throw new Problem('unsupported-media-type', 'Send Content-Type: application/json, in UTF-8.');
  }
}

/** Installs the parser for every route of `app` that takes a body; such routes refuse any other media type. */
export function readJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_request: FastifyRequest, body: Buffer) => {
      if (body.length === 0) throw new Problem('malformed-json', 'The body is empty.');
      return parseBody(body, matrixFields);
    },
  );
  app.addHook('onRoute', (route) => {
    if (route.schema?.body) route.onRequest = [route.onRequest ?? [], refuseOtherMediaTypes].flat();
  });
}
