/** What the OpenAPI document says of inference: one operation for each model, with its examples and its bytes. */
import type { Content, Operation, Paths } from '../routes/openapi.js';
import { inferExamples } from './examples.js';
import { type ModelName, models } from './models.js';

/**
 * Describes inference once for each model, under its own path: an example of one model is wrong for the other, and a
 * document cannot say that of a parameter and a body.
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
  const ofModel = model.split('_').map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`);
  return {
    ...operation,
    operationId: `${operationId}${ofModel.join('')}`,
    summary: `${model}: ${summary}`,
    parameters: [...parameters.filter(({ name }) => name !== 'model'), jsonLength],
    requestBody: { ...requestBody, content: withBytes(requestBody.content, requests) },
    responses: { ...responses, '200': { ...reply, content: withBytes(reply.content, replies) } },
  };
}

/** The header that tells JSON and tensors apart. */
const jsonLength = {
  name: 'Inference-Header-Content-Length',
  in: 'header',
  description:
    'Bytes of JSON in front of the binary tensors; 0 for a body that is one row of FP32 logits. Without it all of the body is JSON.',
  schema: { type: 'integer', minimum: 0, maximum: 10 ** 15 - 1 },
};

/** JSON, with its examples, or bytes. No body is empty: `minLength` counts bytes here. */
function withBytes(content: Content, examples: Readonly<Record<string, object>>): Content {
  const bytes = { type: 'string', format: 'binary', minLength: 1 };
  return {
    'application/json': { ...content['application/json'], examples },
    'application/octet-stream': { schema: bytes },
  };
}
