/**
 * GET /livez and GET /readyz, the Kubernetes probes. Liveness ignores load; readiness says whether to send requests
 * here.
 */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { Problem } from '../errors.js';
import { liveReply, readyReply } from '../schemas/health.js';
import { problemResponses } from '../schemas/problem.js';
import type { RouteContext } from './context.js';

/** @throws {Problem} `draining`, `starting` or `worker-lost` if requests should go to another replica */
export function assertReady({ sampler, lifecycle }: RouteContext): void {
  if (lifecycle.draining) throw new Problem('draining', 'This replica is stopping: send new requests to another one.');
  if (lifecycle.othersDraw) return;
  const state = sampler.state();
  if (state === 'starting')
    throw new Problem('starting', 'The workers are starting, and none can draw yet: try again in a second.');
  if (state === 'failed')
    throw new Problem(
      'worker-lost',
      'Workers are stuck, or fail as fast as they are replaced: send requests to another replica.',
    );
}

/** The codes of `assertReady`. */
export const unreadyCodes = ['draining', 'starting', 'worker-lost'] as const;

export function healthRoutes(app: FastifyInstance, context: RouteContext): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.get(
    '/livez',
    {
      schema: {
        operationId: 'livez',
        summary: 'Whether the process is alive',
        description: 'For a liveness probe: 200 while the process can answer, also while it drains.',
        tags: ['health'],
        response: {
          200: { description: 'Alive.', content: { 'application/json': { schema: liveReply } } },
          ...problemResponses(['bad-request']),
        },
      },
    },
    () => ({ status: 'live' as const }),
  );
  typed.get(
    '/readyz',
    {
      schema: {
        operationId: 'readyz',
        summary: 'Whether requests should be sent here',
        description: 'For a readiness probe: 503 while the workers start, after they are lost, and from SIGTERM on.',
        tags: ['health'],
        response: {
          200: { description: 'Ready.', content: { 'application/json': { schema: readyReply } } },
          ...problemResponses(['bad-request', ...unreadyCodes]),
        },
      },
    },
    () => {
      assertReady(context);
      return { status: 'ready' as const, provider: context.sampler.provider };
    },
  );
}
