/**
 * A stand-in for an ingress controller: it terminates TLS with the Secret that an Ingress names, and sends each request
 * to a ready endpoint of the Service that the path leads to. It reads all of that from the API server every second.
 */
import { Agent, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Secret, Service } from 'kubernetes-types/core/v1.js';
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.js';
import type { Ingress } from 'kubernetes-types/networking/v1.js';
import { type Api, list } from './api.js';
import type { Cluster } from './cluster.js';
import { ingressAddress } from './network.js';

const lookMs = 1000;

/** The namespace that the document labels. */
const ingressNamespace = 'traefik';

/** What the installation of a controller leaves in a cluster: its namespace, and its class as the default one. */
const installed = JSON.stringify({
  apiVersion: 'v1',
  kind: 'List',
  items: [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: ingressNamespace } },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: 'traefik', annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
      spec: { controller: 'traefik.io/ingress-controller' },
    },
  ],
});

interface Endpoint {
  readonly host: string;
  readonly port: number;
}

interface Route {
  readonly host: string;
  readonly path: string;
  readonly exact: boolean;
  readonly endpoints: readonly Endpoint[];
}

export interface IngressController {
  readonly close: () => Promise<void>;
}

const at = (namespace = '', name = '') => `${namespace}/${name}`;

async function look(api: Api): Promise<{ routes: Route[]; contexts: Map<string, SecureContext> }> {
  const ingresses = await list<Ingress>(api, '/apis/networking.k8s.io/v1/ingresses');
  const services = await list<Service>(api, '/api/v1/services');
  const slices = await list<EndpointSlice>(api, '/apis/discovery.k8s.io/v1/endpointslices');
  const secrets = await list<Secret>(api, '/api/v1/secrets?fieldSelector=type%3Dkubernetes.io/tls');
  const endpointsOf = (namespace: string, name = '', portName = ''): Endpoint[] => {
    const service = services.find(({ metadata }) => at(metadata?.namespace, metadata?.name) === at(namespace, name));
    const own = service?.spec?.ports?.find((port) => port.name === portName);
    const label = 'kubernetes.io/service-name';
    return slices
      .filter(({ metadata }) => metadata?.namespace === namespace && metadata.labels?.[label] === name)
      .flatMap(({ endpoints, ports }) =>
        // Null where a slice has none.
        (endpoints ?? [])
          .filter(({ conditions }) => conditions?.ready)
          .flatMap(({ addresses }) => addresses)
          .map((host) => ({ host, port: Number(ports?.find((port) => port.name === own?.name)?.port) })),
      );
  };
  const routes = ingresses.flatMap(({ metadata, spec }) =>
    (spec?.rules ?? []).flatMap(({ host = '', http }) =>
      (http?.paths ?? []).map(({ path = '/', pathType, backend }) => ({
        host,
        path,
        exact: pathType === 'Exact',
        endpoints: endpointsOf(String(metadata?.namespace), backend.service?.name, backend.service?.port?.name),
      })),
    ),
  );
  const contexts = new Map<string, SecureContext>();
  for (const { metadata, spec } of ingresses) {
    for (const { hosts = [], secretName } of spec?.tls ?? []) {
      const secret = secrets.find(
        (one) => at(one.metadata?.namespace, one.metadata?.name) === at(metadata?.namespace, secretName),
      );
      const part = (name: string) => Buffer.from(secret?.data?.[name] ?? '', 'base64');
      if (secret)
        for (const host of hosts)
          contexts.set(host, createSecureContext({ key: part('tls.key'), cert: part('tls.crt') }));
    }
  }
  return { routes, contexts };
}

function matches({ path, exact }: Route, asked: string): boolean {
  return asked === path || (!exact && asked.startsWith(path.endsWith('/') ? path : `${path}/`));
}

export async function startIngressController(cluster: Cluster, api: Api): Promise<IngressController> {
  await cluster.kubectl(['apply', '--filename=-'], installed);
  let seen = await look(api);
  let turn = 0;
  let over = false;
  const agent = new Agent({ keepAlive: true });
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const { pathname } = new URL(String(request.url), 'https://host');
    const route = seen.routes.find((one) => one.host === request.headers.host && matches(one, pathname));
    const endpoint = route?.endpoints[turn++ % Math.max(1, route.endpoints.length)];
    if (!endpoint) {
      response.writeHead(route ? 503 : 404).end();
      return;
    }
    const { method, headers, url: path } = request;
    const sent = forward({ ...endpoint, method, headers, path, agent }, (reply) => {
      response.writeHead(Number(reply.statusCode), reply.headers);
      reply.pipe(response);
    });
    sent.once('error', () => response.headersSent || response.writeHead(502).end());
    request.pipe(sent);
  };
  const server = createServer({ SNICallback: (host, tell) => tell(null, seen.contexts.get(host)) }, answer);
  await new Promise<void>((resolve) => server.listen(443, ingressAddress, resolve));
  const looks = (async () => {
    while (!over) {
      await sleep(lookMs);
      seen = await look(api);
    }
  })();
  return {
    close: async () => {
      over = true;
      await looks;
      server.close();
      server.closeAllConnections();
      agent.destroy();
    },
  };
}
