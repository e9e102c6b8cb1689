/**
 * buildApp: plugins, routes and error replies of the service, on a sampler it is given. Never listens.
 */
import { randomUUID } from 'node:crypto';
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Logger } from 'pino';
import type { ZodType } from 'zod';
import { BodyBudget, budgetBodies } from './body-budget.js';
import type { Config } from './config.js';
import { errorReplyOptions, installErrorReplies } from './error-replies.js';
import type { Lifecycle } from './lifecycle.js';
import { describeRoutes, docsRoutes } from './routes/docs.js';
import { healthRoutes } from './routes/health.js';
import { inferRoutes } from './routes/infer.js';
import { readJsonBodies } from './routes/json-body.js';
import { logProbRoute } from './routes/log-prob.js';
import { modelRoutes } from './routes/models.js';
import { problemRoute } from './routes/problems.js';
import { sampleRoute } from './routes/sample.js';
import { vjpRoute } from './routes/vjp.js';
import type { Sampler } from './sampler/sampler.js';
import { toProblem } from './schemas/issue.js';
import { closeSlowReaders } from './slow-readers.js';

export interface AppParts {
  readonly config: Config;
  readonly sampler: Sampler;
  readonly lifecycle: Lifecycle;
  readonly logger: Logger;
  /** Version of this build, for the OpenAPI document. */
  readonly version: string;
}

export async function buildApp({ config, sampler, lifecycle, logger, version }: AppParts): Promise<FastifyInstance> {
  const app: FastifyInstance = fastify({
    loggerInstance: logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    // A child logger for every request would cost more than the draw of a small one; lines about a request name its id.
    childLoggerFactory: (parent) => parent,
    genReqId: () => randomUUID(),
    bodyLimit: config.jsonBodyBytesMax,
    requestTimeout: config.requestTimeoutMs,
    keepAliveTimeout: config.keepAliveTimeoutMs,
    maxRequestsPerSocket: config.requestsPerSocketMax,
    http: {
      // Node refuses to start with a limit for headers above that for requests.
      headersTimeout: Math.min(config.headersTimeoutMs, config.requestTimeoutMs),
      connectionsCheckingInterval: 1000,
      maxHeaderSize: config.headerBytesMax,
    },
    // A drain answers what still arrives; it is Connection: close that sends clients away.
    return503OnClosing: false,
    ...errorReplyOptions,
  });
  app.setValidatorCompiler(({ schema }) => (data) => {
    const parsed = (schema as ZodType).safeParse(data);
    return parsed.success ? { value: parsed.data } : { error: toProblem(parsed.error) };
  });
  app.setSerializerCompiler(() => JSON.stringify);
  app.server.maxConnections = config.connectionsMax;
  installErrorReplies(app);
  budgetBodies(app, new BodyBudget(config.bodyBytesInFlightMax));
  closeSlowReaders(app, config.replyTimeoutMs);
  app.addHook('onRequest', (_request, reply, done) => {
    if (lifecycle.draining) reply.header('connection', 'close');
    done();
  });
  if (logger.isLevelEnabled('debug')) {
    app.addHook('onResponse', async (request, reply) => {
      const { method, routeOptions } = request;
      const { url: route } = routeOptions;
      const durationMs = reply.elapsedTime;
      logger.debug({ request_id: request.id, method, route, status: reply.statusCode, durationMs }, 'request answered');
    });
  }
  await describeRoutes(app, version);
  await app.register(async (json) => {
    readJsonBodies(json);
    sampleRoute(json, config, sampler);
    vjpRoute(json, config, sampler);
    logProbRoute(json, config, sampler);
  });
  await app.register(async (infer) => inferRoutes(infer, config, sampler));
  modelRoutes(app, sampler, lifecycle, version);
  healthRoutes(app, sampler, lifecycle);
  problemRoute(app);
  await docsRoutes(app);
  return app;
}
