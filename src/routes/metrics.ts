/** GET /metrics: every metric in the text format of Prometheus. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { problemResponses } from '../schemas/problem.js';
import type { RouteContext } from './context.js';

export function metricsRoute(app: FastifyInstance, { metrics }: RouteContext): void {
  app.get(
    '/metrics',
    {
      schema: {
        operationId: 'metrics',
        summary: 'Metrics for Prometheus',
        description: 'Text exposition format 0.0.4. Needs no key: it holds no data of requests.',
        tags: ['health'],
        response: {
          200: {
            description: 'Every metric.',
            content: { 'text/plain': { schema: z.string() } },
          },
          ...problemResponses(['bad-request']),
        },
      },
    },
    async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()),
  );
}
