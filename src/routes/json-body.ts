/** How routes read JSON bodies: media type checks, then the project's own parser straight from the bytes. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../errors.js';
import { parseBody } from '../json/parse-body.js';

/** Fields that are parsed into typed arrays, wherever a route has them. */
const matrixFields: ReadonlySet<string> = new Set(['logits', 'temperature', 'cotangent', 'samples', 'log_samples']);

const jsonInUtf8 = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;

function refuseOtherMediaTypes(request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void {
  const { 'content-type': contentType = '', 'content-encoding': contentEncoding } = request.headers;
  if (contentEncoding !== undefined) {
    done(new Problem('unsupported-media-type', 'Send the body uncompressed, without Content-Encoding.'));
  } else if (contentType !== 'application/json' && !jsonInUtf8.test(contentType.trim())) {
    done(new Problem('unsupported-media-type', 'Send Content-Type: application/json, in UTF-8.'));
  } else {
    done();
  }
}

/** Hands the parsed body on at once when it is parsed at once: a promise costs a small request more than its parsing. */
function readBody(_request: FastifyRequest, body: Buffer, done: (error: Error | null, body?: unknown) => void): void {
  if (body.length === 0) throw new Problem('malformed-json', 'The body is empty.');
  const parsed = parseBody(body, matrixFields);
  if (parsed instanceof Promise) parsed.then((value) => done(null, value), done);
  else done(null, parsed);
}

/** Installs the parser for every route of `app` that takes a body; such routes refuse any other media type. */
export function readJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, readBody);
  app.addHook('onRoute', (route) => {
    if (route.schema?.body) route.onRequest = [route.onRequest ?? [], refuseOtherMediaTypes].flat();
  });
}
