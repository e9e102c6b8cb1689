/**
 * Asks for an API key where one is needed: on every route that is not named here as open. Refuses before the body is
 * read. Who the caller is goes to the routes as `request.caller`; what may be drawn is left to them.
 */
import bearerAuth from '@fastify/bearer-auth';
import type { FastifyInstance } from 'fastify';
import type { Caller, Callers } from './callers.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; null where keys are off or not needed. */
    caller: Caller | null;
  }
}

/** Name of the scheme in the OpenAPI document. */
export const securityScheme = 'apiKey';

/**
 * Open to everybody: probes, since the kubelet has no key; metrics, which hold no data of requests; the pages, their
 * document and the explanations of errors.
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

/** A caller whom the guard lets through is nobody by name where keys are off. */
const anybody = { name: undefined };

/**
 * Finds who asks before the routes do, by the value of the header Authorization: undefined for whoever the guard will
 * refuse, and for a header of an unusual form, which is left to it.
 */
export function callerFinder(callers: Callers | undefined) {
  return (authorization: string | undefined): { readonly name: string | undefined } | undefined => {
    if (!callers) return anybody;
    const presented = /^Bearer +([^ ]+)$/i.exec(authorization ?? '')?.[1];
    return presented === undefined ? undefined : callers.find(presented);
  };
}

/** Call it before any route is added: it learns the routes as they come. Without callers every route is open. */
export async function guardRoutes(app: FastifyInstance, callers: Callers | undefined): Promise<void> {
  app.decorateRequest('caller', null);
  if (callers) {
    await app.register(bearerAuth, {
      keys: [],
      addHook: false,
      // The name of the scheme is not case-sensitive.
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
