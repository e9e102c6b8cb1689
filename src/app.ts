/** buildApp: installs the plugins, routes and error replies of the service on a given sampler. It does not listen. */
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
import type { Tracing } from './observability/tracing/open-tracing.js';
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
import { traceRoutes } from './routes/request-trace.js';
import { sampleRoute } from './routes/sample.js';
import { vjpRoute } from './routes/vjp.js';
import { validationProblem } from './schemas/issue.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** Open connections of the app's server. */
    connections: Connections;
  }
}

/** The context of the routes, with the full logger and metrics, which only the app needs. */
export interface AppParts extends RouteContext {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Undefined while tracing is off. */
  readonly tracing?: Tracing | undefined;
}

/** Security headers of every reply but the pages, which set their own policy. */
const safeHeaders = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
};

function replyHeaders({ sampler, lifecycle }: AppParts, cors: Cors): HeadersOf {
  // The driver chooses the device's name; a header may hold printable ASCII only.
  const deviceName = sampler.device.replaceAll(/[^\x20-\x7e]/g, '?');
  const constantHeaders = { ...safeHeaders, 'x-provider': sampler.provider, 'x-provider-device': deviceName };
  return (requestId, origin) => ({
    [requestIdHeader]: requestId,
    ...constantHeaders,
    ...cors.headersFor(origin),
    ...(lifecycle.draining && { connection: 'close' }),
  });
}

/** Adds every route that is registered on `app` from now on to `table`. */
function collectRoutes(app: FastifyInstance, table: RouteTable): void {
  app.addHook('onRoute', ({ url, method }) => table.add(url, [method].flat()));
}

/** Installs hooks and routes in the order of a request's life. */
export async function buildApp(parts: AppParts): Promise<FastifyInstance> {
  const { config, sampler, metrics, callers, version, tracing } = parts;
  const logger: FastifyBaseLogger = parts.logger;
  const cors = new Cors(config.corsOrigins);
  const headersOf = replyHeaders(parts, cors);
  const problems = new ProblemWriter(headersOf, [inferErrors]);
  const counted = observeRequests(metrics, parts.logger);
  const observer = tracing?.observingRequests(counted) ?? counted;
  const drawRoutes = new RouteTable();

  // Node's server parses a request. While the queue is full, load shedding refuses a draw here.
  const { serve, connections } = httpServer(config);
  const shedding: LoadSheddingParts = {
    mayRefuse: () => sampler.mayRefuse(),
    refusal: (caller) => {
      const refusal = sampler.refusal(caller);
      return refusal && problemOf(refusal);
    },
    draws: drawRoutes,
    callerOf: callerFinder(callers),
    problems,
    observer,
    tracer: tracing?.tracer,
  };
  const app: FastifyInstance = fastify({
    serverFactory: (handle) => serve(refuseWhenFull(handle, shedding)),
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    // A child logger for each request would cost more than a small draw. Log lines carry the request id instead.
    childLoggerFactory: (parent) => parent,
    genReqId: requestIdOf,
    bodyLimit: config.jsonBodyBytesMax,
    // A draining service still answers requests; Connection: close makes clients reconnect elsewhere.
    return503OnClosing: false,
    ...errorReplyOptions({ problems, observer }),
  });
  app.decorate('connections', connections);
  app.decorateRequest('trace');

  // Hooks before the body is read: reply headers, path and method, memory for the body, API key.
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(headersOf(request.id, request.headers.origin));
    done();
  });
  installErrorReplies(app, { problems, observer }, cors);
  observeAnswers(app, observer);
  budgetMemory(app, new MemoryBudget(config.bodyBytesInFlightMax));
  await describeRoutes(app, parts, inferencesByModel);
  await guardRoutes(app, callers);

  // Validation of the parsed body. Fastify throws the returned `error`, and the error handler replies with it.
  app.setValidatorCompiler<ZodType>(({ schema }) => (data) => {
    const parsed = schema.safeParse(data);
    return parsed.success ? { value: parsed.data } : { error: validationProblem(parsed.error) };
  });
  app.setSerializerCompiler(() => JSON.stringify);

  // Routes that draw; load shedding applies to them.
  await app.register(async (json) => {
    readJsonBodies(json, config);
    collectRoutes(json, drawRoutes);
    if (tracing) traceRoutes(json, tracing.tracer);
    sampleRoute(json, parts);
    vjpRoute(json, parts);
    logProbRoute(json, parts);
  });
  await app.register(async (infer) => {
    collectRoutes(infer, drawRoutes);
    if (tracing) traceRoutes(infer, tracing.tracer);
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
