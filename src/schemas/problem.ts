/** The body of every error reply (RFC 9457), the explanation of a code, and the error replies of a route for OpenAPI. */
import { z } from 'zod';
import { catalogue, fieldErrorsMax, type ProblemCode, problemKind } from '../errors.js';

export const problemMediaType = 'application/problem+json';

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
    errors: z
      .array(
        z.object({
          pointer: z.string().meta({ description: 'JSON pointer into the request body.' }),
          message: z.string(),
        }),
      )
      .max(fieldErrorsMax),
  })
  .meta({ id: 'Problem' });

export const problemExplanation = z
  .object({
    code: z.string(),
    status: z.int().min(400).max(599),
    title: z.string(),
    meaning: z.string(),
    remedy: z.string(),
  })
  .meta({ id: 'ProblemExplanation' });

export const problemParams = z.object({
  code: z.string().meta({ description: 'A code, the last part of `type`.', examples: Object.keys(catalogue) }),
});

/** OpenAPI responses for the codes a route can give, grouped by status. */
export function problemResponses(codes: readonly ProblemCode[]) {
  return errorResponses(codes, problemMediaType, problemBody);
}

/** The same for a body of another kind. */
export function errorResponses(codes: readonly ProblemCode[], mediaType: string, schema: z.ZodType) {
  const statuses = [...new Set(codes.map((code) => problemKind(code).status))].sort();
  return Object.fromEntries(
    statuses.map((status) => {
      const ofStatus = codes.filter((code) => problemKind(code).status === status);
      const description = ofStatus.map((code) => `\`${code}\`: ${problemKind(code).title}.`).join(' ');
      return [status, { description, content: { [mediaType]: { schema } } }];
    }),
  );
}
