/**
 * How the inference routes read their bodies: JSON, JSON followed by binary tensors, or a raw tensor. Arriving tensors
 * are copied once, into one buffer in which the first tensor is aligned, so that typed arrays can view it in place.
 */
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest, RequestPayload } from 'fastify';
import { Problem } from '../errors.js';
import { parseMediaType, refuseOtherMediaTypes } from '../http/body-form.js';
import { readBody } from '../http/body-reader.js';
import { BodyFields } from '../json/body-fields.js';
import { MalformedJsonError } from '../json/malformed-json-error.js';
import { parseBody } from '../json/parse-body.js';
import type { InferBody } from './request.js';

export interface InferBodyLimits {
  readonly jsonBodyBytesMax: number;
  readonly binaryBodyBytesMax: number;
}

/** The long arrays, and the other fields that an error can point at. */
const fields = new BodyFields(
  { 'inputs[].data': { holds: 'elements', axesMax: 9, axes: 'flat, or nested as the shape of the tensor' } },
  ['id', 'model_name', 'parameters', 'outputs'],
);

/** tritonclient sends both forms without Content-Type. */
const form = { types: ['application/json', 'application/octet-stream'], typeMayBeAbsent: true };

const lengthHeader = 'Inference-Header-Content-Length';

/** Advice for a body that is more than JSON, sent without the header. */
const missingHeaderAdvice =
  `If binary tensors follow the JSON, send its number of bytes in the header ${lengthHeader}; ` +
  '0 means that the body is one raw tensor.';

/** Adds the value of the header to a JSON error, since a wrong header cuts the JSON short. */
function withHeaderValue(error: unknown, jsonLength: number): unknown {
  if (!(error instanceof MalformedJsonError)) return error;
  return new Problem('malformed-json', `${error.message} ${lengthHeader} says that the JSON has ${jsonLength} bytes.`);
}

/** Adds the advice if a body without the header looks like JSON followed by tensors. */
function withHeaderAdvice(error: unknown, { headers }: FastifyRequest): unknown {
  const isBinary = parseMediaType(headers['content-type'] ?? '')?.type !== form.types[0];
  if (error instanceof MalformedJsonError && (isBinary || error.afterEnd)) {
    return new Problem('malformed-json', `${error.message} ${missingHeaderAdvice}`);
  }
  if (error instanceof Problem && error.code === 'body-too-large' && isBinary) {
    return new Problem('body-too-large', `${error.message} ${missingHeaderAdvice}`, error.errors);
  }
  return error;
}

/**
 * Bytes of JSON at the start of the body; undefined if the whole body is JSON.
 *
 * @throws {Problem} `malformed-binary` if the header is not a whole number
 */
function jsonLengthOf(request: FastifyRequest): number | undefined {
  const text = request.headers['inference-header-content-length'];
  if (text === undefined) return undefined;
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return Number(text);
  throw new Problem('malformed-binary', `${lengthHeader} must be a whole number of bytes.`);
}

type Done = (error: Error | null, body?: InferBody) => void;

/** Reads the bytes of the body, then parses its JSON. */
function readInferBody(request: FastifyRequest, payload: Readable, limits: InferBodyLimits, done: Done): void {
  const { jsonBodyBytesMax, binaryBodyBytesMax } = limits;
  const jsonLength = jsonLengthOf(request);
  if (jsonLength !== undefined && jsonLength > jsonBodyBytesMax) {
    throw new Problem('body-too-large', `The JSON before the tensors has more than ${jsonBodyBytesMax} bytes.`);
  }
  const bytesMax = jsonLength === undefined ? jsonBodyBytesMax : binaryBodyBytesMax;
  readBody(request, payload, { bytesMax, alignedFrom: jsonLength }, (error, bytes) => {
    const refuse = (cause: unknown) =>
      done((jsonLength === undefined ? withHeaderAdvice(cause, request) : withHeaderValue(cause, jsonLength)) as Error);
    if (bytes) parseInferBody(request, bytes, jsonLength, refuse, done);
    else refuse(error);
  });
}

/** Parses the JSON in front of the tensors; small JSON is parsed synchronously. */
export function parseInferBody(
  { memory }: Pick<FastifyRequest, 'memory'>,
  bytes: Buffer,
  jsonLength: number | undefined,
  refuse: (cause: unknown) => void,
  done: Done,
): void {
  const jsonEnd = jsonLength ?? bytes.length;
  const binary = bytes.subarray(jsonEnd);
  let json: unknown;
  try {
    if (bytes.length === 0 && jsonLength !== 0)
      throw new Problem('malformed-json', 'The body is empty. Send one JSON object.');
    if (jsonEnd > bytes.length) {
      const detail = `${lengthHeader} is ${jsonEnd}, but the body has ${bytes.length} bytes.`;
      throw new Problem('malformed-binary', detail);
    }
    // undefined means a raw body; JSON cannot have that value.
    json = jsonLength === 0 ? undefined : parseBody(bytes.subarray(0, jsonEnd), fields, { memory });
  } catch (error) {
    refuse(error);
    return;
  }
  if (json instanceof Promise) json.then((parsed: unknown) => done(null, { json: parsed, binary }), refuse);
  else done(null, { json, binary });
}

/** Replaces the body parsers of every route of `app`. Routes with a body refuse other media types. */
export function readInferBodies(app: FastifyInstance, limits: InferBodyLimits): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (request: FastifyRequest, payload: RequestPayload, done: Done) =>
    readInferBody(request, payload, limits, done),
  );
  refuseOtherMediaTypes(app, form);
}
