/** GET /problems/{code}: what an error code means and how to fix it. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { isProblemCode, Problem } from '../errors.js';
import { explanationOf, problemExplanation, problemParams, problemResponses } from '../schemas/problem.js';

export function problemRoute(app: FastifyInstance): void {
  app.withTypeProvider<ZodTypeProvider>().get(
    '/problems/:code',
    {
      schema: {
        operationId: 'explainProblem',
        summary: 'What an error code means and how to fix it',
        description: 'The path is the `type` of an error, which names its code.',
        tags: ['errors'],
        params: problemParams,
        response: {
          200: { description: 'The explanation.', content: { 'application/json': { schema: problemExplanation } } },
          ...problemResponses(['bad-request', 'not-found']),
        },
      },
    },
    ({ params: { code } }) => {
      if (!isProblemCode(code)) throw new Problem('not-found', 'No error has this code.');
      return explanationOf(code);
    },
  );
}
