/**
 * How the inference routes read their bodies: JSON, or JSON with binary tensors behind it, or a raw tensor. The bytes are copied once, as
 * they arrive, into one allocation in which the first tensor is aligned, so that tensors can be used where they lie.
 */
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../errors.js';
import { parseBody } from '../json/parse-body.js';
import type { InferBody } from '../schemas/infer-request.js';
import { inferBuffers } from './infer-buffers.js';

export interface InferBodyLimits {
  readonly jsonBodyBytesMax: number;
  readonly binaryBodyBytesMax: number;
}

/** Fields that are parsed into typed arrays. */
const matrixFields: ReadonlySet<string> = new Set(['inputs[].data']);

/** No header at all is how tritonclient sends both forms. */
const mediaType = /^(application\/octet-stream|application\/json\s*(;\s*charset\s*=\s*"?utf-8"?)?)?$/i;

/** Tensors begin on a multiple of the largest element. */
const alignment = 8;

/** First allocation for a chunked body, whose length is not known; it doubles as it fills. */
const firstBytes = 2 ** 16;

/** First allocation at most, whatever length is declared: a declaration costs a client nothing. */
const firstBytesMax = 2 ** 20;

function refuseOtherMediaTypes(request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void {
  const { 'content-type': contentType = '', 'content-encoding': contentEncoding } = request.headers;
  if (contentEncoding !== undefined) {
    done(new Problem('unsupported-media-type', 'Send the body uncompressed, without Content-Encoding.'));
  } else if (!mediaType.test(contentType.trim())) {
    done(new Problem('unsupported-media-type', 'Send Content-Type: application/json or application/octet-stream.'));
  } else {
    done();
  }
}

/**
 * Bytes of JSON at the start of the body, or undefined when all of it is JSON.
 *
 * @throws {Problem} `malformed-binary` when the header is no whole number
 */
function jsonLengthOf(request: FastifyRequest): number | undefined {
  const text = request.headers['inference-header-content-length'];
  if (text === undefined) return undefined;
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return Number(text);
  throw new Problem('malformed-binary', 'Inference-Header-Content-Length must be a whole number of bytes.');
}

/** Gives the memory of a body back: call it once nothing will read its tensors, or never. */
export function releaseBody({ memory }: InferBody): void {
  inferBuffers.give(memory);
}

/** The whole body, with `jsonLength` bytes in front of what is aligned. */
function readBytes(request: FastifyRequest, payload: Readable, jsonLength: number, bytesMax: number): Promise<Buffer> {
  const tooLarge = () => new Problem('body-too-large', `The body has more than ${bytesMax} bytes.`);
  const declared = Number(request.headers['content-length'] ?? Number.NaN);
  if (declared > bytesMax) return Promise.reject(tooLarge());
  const pad = (alignment - (jsonLength % alignment)) % alignment;
  let buffer = Buffer.from(
    inferBuffers.take(pad + Math.min(Number.isNaN(declared) ? firstBytes : declared, firstBytesMax, bytesMax)),
  );
  let end = pad;
  return new Promise((resolve, reject) => {
    const stop = (settle: () => void) => {
      payload.off('data', take).off('end', finish).off('error', fail);
      settle();
    };
    const take = (chunk: Buffer) => {
      if (end - pad + chunk.length > bytesMax) {
        stop(() => reject(tooLarge()));
        return;
      }
      if (end + chunk.length > buffer.length) {
        // Who has sent so much of a body is believed about the rest; of a chunked one only its limit is known.
        const grown = Number.isNaN(declared) ? Math.min(2 * buffer.length, pad + bytesMax) : pad + declared;
        const larger = Buffer.from(inferBuffers.take(Math.max(grown, end + chunk.length)));
        buffer.copy(larger, 0, 0, end);
        inferBuffers.give(buffer.buffer as ArrayBuffer);
        buffer = larger;
      }
      chunk.copy(buffer, end);
      end += chunk.length;
    };
    const finish = () => stop(() => resolve(buffer.subarray(pad, end)));
    const fail = (error: Error) => {
      const ended = new Problem('bad-request', 'The body ended before its length was reached.');
      stop(() => reject(error instanceof Problem ? error : ended));
    };
    payload.on('data', take).on('end', finish).on('error', fail);
    payload.resume();
  });
}

/** Reads the bytes, then the JSON in them. */
async function readInferBody(
  request: FastifyRequest,
  payload: Readable,
  { jsonBodyBytesMax, binaryBodyBytesMax }: InferBodyLimits,
): Promise<InferBody> {
  const jsonLength = jsonLengthOf(request);
  if (jsonLength !== undefined && jsonLength > jsonBodyBytesMax) {
    throw new Problem('body-too-large', `The JSON before the tensors has more than ${jsonBodyBytesMax} bytes.`);
  }
  const bytesMax = jsonLength === undefined ? jsonBodyBytesMax : binaryBodyBytesMax;
  const bytes = await readBytes(request, payload, jsonLength ?? 0, bytesMax);
  const memory = bytes.buffer as ArrayBuffer;
  if (jsonLength === 0) return { json: undefined, binary: bytes, memory };
  if (bytes.length === 0) throw new Problem('malformed-json', 'The body is empty.');
  const jsonEnd = jsonLength ?? bytes.length;
  if (jsonEnd > bytes.length) {
    const detail = `Inference-Header-Content-Length is ${jsonEnd}, but the body has ${bytes.length} bytes.`;
    throw new Problem('malformed-binary', detail);
  }
  const json = await parseBody(bytes.subarray(0, jsonEnd), matrixFields);
  // JSON has no way to spell undefined, which stands for a raw body.
  return { json, binary: bytes.subarray(jsonEnd), memory };
}

/** Installs the parser for every route of `app`, in place of those it has; routes with a body refuse other media types. */
export function readInferBodies(app: FastifyInstance, limits: InferBodyLimits): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (request: FastifyRequest, payload: Readable) =>
    readInferBody(request, payload, limits),
  );
  app.addHook('onRoute', (route) => {
    if (route.method === 'POST') route.onRequest = [route.onRequest ?? [], refuseOtherMediaTypes].flat();
  });
}
