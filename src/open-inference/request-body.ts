/**
 * How the inference routes read their bodies: JSON, or JSON with binary tensors behind it, or a raw tensor. Binary
 * tensors are copied once, as they arrive, into one buffer in which the first of them is aligned, so that they can be
 * used where they lie.
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

/** Long arrays, and the other fields that an error can point at. */
const fields = new BodyFields(
  { 'inputs[].data': { holds: 'elements', axesMax: 3, axes: 'flat, or nested as the shape of the tensor says' } },
  ['id', 'model_name', 'parameters', 'outputs'],
);

/** No header at all is how tritonclient sends both forms. */
const form = { types: ['application/json', 'application/octet-stream'], typeMayBeAbsent: true };

const lengthHeader = 'Inference-Header-Content-Length';

/**
 * Of a body that has more than its JSON, and no header that says where that ends: its sender knows the header, or does
 * not.
 */
const missingHeader =
  `If binary tensors follow the JSON, say in the header ${lengthHeader} how many bytes the JSON has; ` +
  '0 stands for a body that is one raw tensor.';

/** Of JSON that is broken the header may be the cause. */
function withHeader(error: unknown, jsonLength: number): unknown {
  if (!(error instanceof MalformedJsonError)) return error;
  return new Problem('malformed-json', `${error.message} ${lengthHeader} says that the JSON has ${jsonLength} bytes.`);
}

function withMissingHeader(error: unknown, { headers }: FastifyRequest): unknown {
  const isBinary = parseMediaType(headers['content-type'] ?? '')?.type !== form.types[0];
  if (error instanceof MalformedJsonError && (isBinary || error.afterEnd)) {
    return new Problem('malformed-json', `${error.message} ${missingHeader}`);
  }
  if (error instanceof Problem && error.code === 'body-too-large' && isBinary) {
    return new Problem('body-too-large', `${error.message} ${missingHeader}`, error.errors);
  }
  return error;
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
  throw new Problem('malformed-binary', `${lengthHeader} must be a whole number of bytes.`);
}

type Done = (error: Error | null, body?: InferBody) => void;

/** Reads the bytes, then the JSON in them. */
function readInferBody(request: FastifyRequest, payload: Readable, limits: InferBodyLimits, done: Done): void {
  const { jsonBodyBytesMax, binaryBodyBytesMax } = limits;
  const jsonLength = jsonLengthOf(request);
  if (jsonLength !== undefined && jsonLength > jsonBodyBytesMax) {
    throw new Problem('body-too-large', `The JSON before the tensors has more than ${jsonBodyBytesMax} bytes.`);
  }
  const bytesMax = jsonLength === undefined ? jsonBodyBytesMax : binaryBodyBytesMax;
  readBody(request, payload, { bytesMax, alignedFrom: jsonLength }, (error, bytes) => {
    const refuse = (cause: unknown) =>
      done((jsonLength === undefined ? withMissingHeader(cause, request) : withHeader(cause, jsonLength)) as Error);
    if (bytes) parse(request, bytes, jsonLength, refuse, done);
    else refuse(error);
  });
}

/** Parses the JSON in front of the tensors; hands it on at once where it is small. */
function parse(
  { memory }: FastifyRequest,
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
    // JSON has no way to spell undefined, which stands for a raw body.
    json = jsonLength === 0 ? undefined : parseBody(bytes.subarray(0, jsonEnd), fields, { memory });
  } catch (error) {
    refuse(error);
    return;
  }
  if (json instanceof Promise) json.then((parsed: unknown) => done(null, { json: parsed, binary }), refuse);
  else done(null, { json, binary });
}

/**
 * Installs the parser for every route of `app`, in place of those it has; routes with a body refuse other media types.
 */
export function readInferBodies(app: FastifyInstance, limits: InferBodyLimits): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (request: FastifyRequest, payload: RequestPayload, done: Done) =>
    readInferBody(request, payload, limits, done),
  );
  refuseOtherMediaTypes(app, form);
}
