/**
 * Requires an API key on every route that is not listed here as open, and rejects requests before their body is read.
 * Routes find the caller in `request.caller`; they check quotas.
 */
import bearerAuth from '@fastify/bearer-auth';
import type { FastifyInstance } from 'fastify';
import type { Caller, Callers } from './callers.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The caller; null if keys are off or the route is open. */
    caller: Caller | null;
  }
}

/** Name of the security scheme in the OpenAPI document. */
export const securityScheme = 'apiKey';

/**
 * Routes without a key: probes, since the kubelet has no key; metrics, which contain no request data; the documentation
 * pages, the OpenAPI document and the explanations of errors.
 */
const openRoutes = [
  /^\/(livez|readyz|metrics)?$/,
  /^\/v2\/health\/(live|ready)$/,
  /^\/v2\/models\/:model(\/versions\/:version)?\/ready$/,
  /^\/(docs|explore|problems)(\/|$)/,
  /^\/openapi\.(json|yaml)$/,
];

export function needsKey(route: string): boolean {
  return !openRoutes.some((open) => open.test(route));
}

/** The caller of every request if keys are off. */
const anonymous = { name: undefined };

/**
 * Finds the caller by the header Authorization, before routing. Undefined for a request that the guard will reject, and
 * for a header in an unusual form, which the guard parses.
 */
export function callerFinder(callers: Callers | undefined) {
  return (authorization: string | undefined): { readonly name: string | undefined } | undefined => {
    if (!callers) return anonymous;
    const presented = authorization?.match(/^Bearer +([^ ]+)$/i)?.[1];
    return presented === undefined ? undefined : callers.find(presented);
  };
}

/**
 * Must run before any route is added, since it changes each route as it is added. Without callers every route is open.
 */
export async function guardRoutes(app: FastifyInstance, callers: Callers | undefined): Promise<void> {
  app.decorateRequest('caller', null);
  if (callers) {
    await app.register(bearerAuth, {
      keys: [],
      addHook: false,
      // With rfc6749 the scheme name Bearer is case-insensitive, as RFC 9110, section 11.1 says.
      specCompliance: 'rfc6749',
      verifyErrorLogLevel: 'trace',
      auth: (presented, request) => {
        request.caller = callers.find(presented) ?? null;
        return request.caller !== null;
      },
    });
  }
  const { verifyBearerAuth } = app;
  app.addHook('onRoute', (route) => {
    if (!needsKey(route.url)) return;
    if (verifyBearerAuth) route.onRequest = [verifyBearerAuth, route.onRequest ?? []].flat();
    if (route.schema) route.schema.security = [...(callers ? [] : [{}]), { [securityScheme]: [] }];
  });
}
