/**
 * buildApp: plugins, routes and error replies of the service, on a sampler it is given. Never listens.
 */
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Logger } from 'pino';
import type { ZodType } from 'zod';
import { callerFinder, guardRoutes } from './access/guard.js';
import type { Connections } from './http/connections.js';
import { Cors } from './http/cors.js';
import { errorReplyOptions, installErrorReplies } from './http/error-replies.js';
import { type LoadSheddingParts, refuseWhenFull } from './http/load-shedding.js';
import { budgetMemory, MemoryBudget } from './http/memory-budget.js';
import { observeAnswers } from './http/observer.js';
import { type HeadersOf, ProblemWriter } from './http/problem-writer.js';
import { requestIdHeader, requestIdOf } from './http/request-id.js';
import { RouteTable } from './http/route-table.js';
import { httpServer } from './http/server.js';
import type { Metrics } from './observability/metrics.js';
import { observeRequests } from './observability/request-log.js';
import { inferErrors } from './open-inference/error-body.js';
import { inferRoutes } from './open-inference/infer-route.js';
import { modelRoutes } from './open-inference/model-routes.js';
import { inferencesByModel } from './open-inference/openapi.js';
import type { RouteContext } from './routes/context.js';
import { describeRoutes, docsRoutes } from './routes/docs.js';
import { problemOf } from './routes/draw-problems.js';
import { exploreRoutes } from './routes/explore.js';
import { healthRoutes } from './routes/health.js';
import { readJsonBodies } from './routes/json-body.js';
import { logProbRoute } from './routes/log-prob.js';
import { metricsRoute } from './routes/metrics.js';
import { problemRoute } from './routes/problems.js';
import { sampleRoute } from './routes/sample.js';
import { vjpRoute } from './routes/vjp.js';
import { validationProblem } from './schemas/issue.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** The connections of its server. */
    connections: Connections;
  }
}

/** What an app is made of: the context of its routes, and what only the app needs. */
export interface AppParts extends RouteContext {
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Headers of every reply: what a browser must not do with JSON. The pages have a policy of their own. */
const safeHeaders = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
};

function replyHeaders({ sampler, lifecycle }: AppParts, cors: Cors): HeadersOf {
  // A device's name comes from its driver, and a header holds printable ASCII.
  const printable = sampler.device.replaceAll(/[^\x20-\x7e]/g, '?');
  const constantHeaders = { ...safeHeaders, 'x-provider': sampler.provider, 'x-provider-device': printable };
  return (requestId, origin) => ({
    [requestIdHeader]: requestId,
    ...constantHeaders,
    ...cors.headersFor(origin),
    ...(lifecycle.draining && { connection: 'close' }),
  });
}

/** Adds every route that `app` gets from now on to a table. */
function learnPaths(app: FastifyInstance, paths: RouteTable): void {
  app.addHook('onRoute', ({ url, method }) => paths.add(url, [method].flat()));
}

/** Sets everything up in the order in which a request meets it. */
export async function buildApp(parts: AppParts): Promise<FastifyInstance> {
  const { config, sampler, metrics, callers, version } = parts;
  const logger: FastifyBaseLogger = parts.logger;
  const cors = new Cors(config.corsOrigins);
  const headersOf = replyHeaders(parts, cors);
  const problems = new ProblemWriter(headersOf, [inferErrors]);
  const observer = observeRequests(metrics, parts.logger);
  const draws = new RouteTable();

  // Node's server reads a request. While the queue is full, a draw goes no further.
  const { serve, connections } = httpServer(config);
  const shedding: LoadSheddingParts = {
    mayRefuse: () => sampler.mayRefuse(),
    refusal: (caller) => {
      const refusal = sampler.refusal(caller);
      return refusal && problemOf(refusal);
    },
    draws,
    callerOf: callerFinder(callers),
    problems,
    observer,
  };
  const app: FastifyInstance = fastify({
    serverFactory: (handle) => serve(refuseWhenFull(handle, shedding)),
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    // A child logger for every request would cost more than the draw of a small one; lines about a request name its id.
    childLoggerFactory: (parent) => parent,
    genReqId: requestIdOf,
    bodyLimit: config.jsonBodyBytesMax,
    // A drain answers what still arrives; it is Connection: close that sends clients away.
    return503OnClosing: false,
    ...errorReplyOptions({ problems, observer }),
  });
  app.decorate('connections', connections);

  // Before the body is read: the reply's headers, path and method, the memory for the body, the key.
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(headersOf(request.id, request.headers.origin));
    done();
  });
  installErrorReplies(app, { problems, observer }, cors);
  observeAnswers(app, observer);
  budgetMemory(app, new MemoryBudget(config.bodyBytesInFlightMax));
  await describeRoutes(app, parts, inferencesByModel);
  await guardRoutes(app, callers);

  // The body is checked. Fastify throws what is in `error`, and the error handler answers with it.
  app.setValidatorCompiler<ZodType>(({ schema }) => (data) => {
    const parsed = schema.safeParse(data);
    return parsed.success ? { value: parsed.data } : { error: validationProblem(parsed.error) };
  });
  app.setSerializerCompiler(() => JSON.stringify);

  // Routes that draw.
  await app.register(async (json) => {
    readJsonBodies(json, config);
    learnPaths(json, draws);
    sampleRoute(json, parts);
    vjpRoute(json, parts);
    logProbRoute(json, parts);
  });
  await app.register(async (infer) => {
    learnPaths(infer, draws);
    inferRoutes(infer, parts);
  });

  // Routes about the service itself.
  modelRoutes(app, parts);
  healthRoutes(app, parts);
  problemRoute(app);
  const { noiseVersion, provider, device } = sampler;
  metrics.describe(sampler.load, { version, noiseVersion, provider, device });
  metricsRoute(app, parts);
  if (config.docs === 'on') {
    docsRoutes(app, parts);
    exploreRoutes(app);
  }
  return app;
}
