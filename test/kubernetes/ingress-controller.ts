/** Traefik, the real thing, outside of the cluster: it reads Ingress, Secret and EndpointSlice, and terminates TLS. */
import type { Cluster } from './cluster.js';
import { ingressAddress } from './network.js';

/** The namespace that the document labels; Traefik would run there. */
export const ingressNamespace = 'traefik';

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

export async function startIngressController(cluster: Cluster): Promise<void> {
  await cluster.kubectl(['apply', '--filename=-'], installed);
  cluster.start('traefik', [
    '--providers.kubernetesingress=true',
    // As its Helm chart does.
    `--entrypoints.websecure.address=${ingressAddress}:443`,
    '--entrypoints.websecure.http.tls=true',
    '--global.checknewversion=false',
    '--global.sendanonymoususage=false',
    '--log.level=INFO',
  ]);
}
