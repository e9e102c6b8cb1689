/** The inference operations of the OpenAPI document: one for each model, with its examples and binary bodies. */
import type { Content, Operation, Paths } from '../routes/openapi.js';
import { inferExamples } from './examples.js';
import { type ModelName, models } from './models.js';

/**
 * Replaces the path with a {model} parameter by one path for each model. Each model needs its own examples, and OpenAPI
 * cannot tie the examples of a body to the value of a path parameter.
 */
export function inferencesByModel(paths: Paths): Paths {
  const described = Object.entries(paths).flatMap(([path, operations]) => {
    const { post } = operations;
    if (!path.endsWith('/infer') || !post) return [[path, operations] as const];
    return modelNames.map((model) => [path.replace('{model}', model), { post: inferenceOf(model, post) }] as const);
  });
  return Object.fromEntries(described);
}

const modelNames = Object.keys(models) as ModelName[];

function inferenceOf(model: ModelName, operation: Operation): Operation {
  const { operationId, summary, parameters = [], requestBody, responses } = operation;
  const { requests, replies } = inferExamples[model];
  const reply = responses['200'];
  if (!requestBody || !reply?.content) throw new Error('Inference has no body, or no reply. This is a bug.');
  const suffix = model.split('_').map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`);
  return {
    ...operation,
    operationId: `${operationId}${suffix.join('')}`,
    summary: `${model}: ${summary}`,
    parameters: [...parameters.filter(({ name }) => name !== 'model'), jsonLengthHeader],
    requestBody: { ...requestBody, content: withBytes(requestBody.content, requests) },
    responses: { ...responses, '200': { ...reply, content: withBytes(reply.content, replies) } },
  };
}

/** The header with the length of the JSON in front of the tensors. */
const jsonLengthHeader = {
  name: 'Inference-Header-Content-Length',
  in: 'header',
  description:
    'Bytes of JSON in front of the binary tensors; 0 for a body that is one row of FP32 logits. Without the header, the whole body is JSON.',
  schema: { type: 'integer', minimum: 0, maximum: 10 ** 15 - 1 },
};

/** JSON with its examples, or bytes. `minLength` says that a body is never empty. */
function withBytes(content: Content, examples: Readonly<Record<string, object>>): Content {
  const bytes = { type: 'string', format: 'binary', minLength: 1 };
  return {
    'application/json': { ...content['application/json'], examples },
    'application/octet-stream': { schema: bytes },
  };
}
