/**
 * The body of every error reply (RFC 9457), the explanation of a code, and the error replies of a route for OpenAPI.
 */
import { z } from 'zod';
import { catalogue, fieldErrorsMax, type ProblemCode, problemKind } from '../errors.js';
import { component } from './component.js';

export const problemMediaType = 'application/problem+json';

const fieldError = z
  .object({ pointer: z.string().meta({ description: 'JSON pointer into the request body.' }), message: z.string() })
  .meta(component('FieldError'));

export const fieldErrors = z.array(fieldError).max(fieldErrorsMax);

/** The members of an error body that name the trace of its request. */
export const traceMembers = {
  trace_id: z
    .string()
    .optional()
    .meta({ description: 'The trace of the request, if it has a valid traceparent or the service traces it.' }),
  span_id: z
    .string()
    .optional()
    .meta({ description: "The service's span of the request in that trace; without tracing the caller's span." }),
};

export const problemBody = z
  .object({
    type: z.string().meta({ description: 'Path of the explanation: /problems/{code}.' }),
    code: z.string().meta({ description: 'What went wrong, for programs: the last part of `type`.' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string(),
    instance: z
      .string()
      .meta({ description: 'Path that explains the code, with the request_id: names this occurrence.' }),
    request_id: z
      .string()
      .meta({ description: 'The id under which the log has this request: that of x-request-id, or a new one.' }),
    ...traceMembers,
    errors: fieldErrors,
  })
  .meta(component('Problem'));

/** Reply of GET /problems/{code}. */
export function explanationOf(code: ProblemCode) {
  const { status, title, meaning, remedy } = problemKind(code);
  return { code, status, title, meaning, remedy };
}

export const problemExplanation = z
  .object({
    code: z.string(),
    status: z.int().min(400).max(599),
    title: z.string(),
    meaning: z.string(),
    remedy: z.string(),
  })
  .meta(component('ProblemExplanation', explanationOf('zero-sample')));

export const problemParams = z.object({
  code: z.string().meta({ description: 'A code, the last part of `type`.', examples: Object.keys(catalogue) }),
});

/** OpenAPI responses for the codes a route can give, grouped by status. */
export function problemResponses(codes: readonly ProblemCode[]) {
  return errorResponses(codes, problemMediaType, problemBody, problemExample);
}

/** An example of the request ids that the service makes. */
export const exampleRequestId = 'a8f6c1d2-3b4e-4f5a-9c7d-0e1f2a3b4c5d';

function problemExample(code: ProblemCode) {
  const { status, title, meaning, remedy } = problemKind(code);
  return {
    type: `/problems/${code}`,
    code,
    title,
    status,
    detail: `${meaning} ${remedy}`,
    instance: `/problems/${code}#${exampleRequestId}`,
    request_id: exampleRequestId,
    errors: [],
  };
}

/** The same for error bodies of another format; `exampleOf` gives the example for a code. */
export function errorResponses(
  codes: readonly ProblemCode[],
  mediaType: string,
  schema: z.ZodType,
  exampleOf: (code: ProblemCode) => unknown,
) {
  const statuses = [...new Set(codes.map((code) => problemKind(code).status))].sort();
  return Object.fromEntries(
    statuses.map((status) => {
      const ofStatus = codes.filter((code) => problemKind(code).status === status);
      const description = ofStatus.map((code) => `\`${code}\`: ${problemKind(code).title}.`).join(' ');
      const examples = ofStatus.map((code) => [code, { summary: problemKind(code).title, value: exampleOf(code) }]);
      const withExamples = schema.meta({ 'x-shared-examples': Object.fromEntries(examples) });
      return [status, { description, content: { [mediaType]: { schema: withExamples } } }];
    }),
  );
}
