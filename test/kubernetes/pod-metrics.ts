/**
 * A stand-in for metrics-server: metrics.k8s.io, which the autoscaler asks for the CPU of pods. It tells what the test
 * sets, so that the autoscaler's decisions do not depend on the machine.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import type { Pod } from 'kubernetes-types/core/v1.js';
import { type Api, list } from './api.js';
import type { Cluster } from './cluster.js';
import { eventually } from './eventually.js';
import { metricsAddress } from './network.js';

const group = 'metrics.k8s.io';
const root = `/apis/${group}/v1beta1`;

/** Of a pod whose instance nothing was said of. */
const idleMillicores = 100;

export interface PodMetrics {
  /** From now on every pod of the instance uses that much. */
  readonly use: (namespace: string, instance: string, millicores: number) => void;
  readonly close: () => void;
}

/** The API server finds it by Service and EndpointSlice. */
function registration(): string {
  const metadata = { name: 'pod-metrics', namespace: 'kube-system' };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ name: 'https', port: 443 }] } },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { ...metadata, labels: { 'kubernetes.io/service-name': metadata.name } },
        addressType: 'IPv4',
        ports: [{ name: 'https', port: 443 }],
        endpoints: [{ addresses: [metricsAddress], conditions: { ready: true } }],
      },
      {
        apiVersion: 'apiregistration.k8s.io/v1',
        kind: 'APIService',
        metadata: { name: `v1beta1.${group}` },
        spec: {
          group,
          version: 'v1beta1',
          service: metadata,
          groupPriorityMinimum: 100,
          versionPriority: 100,
          insecureSkipTLSVerify: true,
        },
      },
    ],
  });
}

export async function servePodMetrics(cluster: Cluster, api: Api): Promise<PodMetrics> {
  const [key, cert] = [join(cluster.folder, 'metrics.key'), join(cluster.folder, 'metrics.crt')];
  const subject = ['-subj', '/CN=pod-metrics'];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject], {
    stdio: 'pipe',
  });
  const usages = new Map<string, number>();
  const metricsOf = ({ metadata, spec }: Pod) => {
    const instance = metadata?.labels?.['app.kubernetes.io/instance'];
    const millicores = usages.get(`${metadata?.namespace}/${instance}`) ?? idleMillicores;
    return {
      metadata: { name: metadata?.name, namespace: metadata?.namespace, labels: metadata?.labels },
      timestamp: new Date().toISOString(),
      window: '1s',
      containers: spec?.containers.map(({ name }) => ({ name, usage: { cpu: `${millicores}m`, memory: '150Mi' } })),
    };
  };
  const answer = async (url: URL): Promise<unknown> => {
    const groupVersion = `${group}/v1beta1`;
    if (url.pathname === root) {
      const pods = { name: 'pods', singularName: '', namespaced: true, kind: 'PodMetrics', verbs: ['get', 'list'] };
      return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: [pods] };
    }
    const [, namespace] = new RegExp(`^${root}/namespaces/([^/]+)/pods$`).exec(url.pathname) ?? [];
    if (namespace === undefined) return undefined;
    const pods = await list<Pod>(api, `/api/v1/namespaces/${namespace}/pods${url.search}`);
    const running = pods.filter(({ status }) => status?.phase === 'Running');
    return { kind: 'PodMetricsList', apiVersion: groupVersion, metadata: {}, items: running.map(metricsOf) };
  };
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, async (request, response) => {
    const reply = await answer(new URL(String(request.url), 'https://pod-metrics'));
    response.writeHead(reply === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(reply ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(443, metricsAddress, resolve));
  await cluster.kubectl(['apply', '--filename=-'], registration());
  const isServed = async () =>
    (await cluster.tryKubectl(['get', '--raw', `${root}/namespaces/default/pods`])).code === 0;
  await eventually(`the API server serves ${group}`, isServed);
  return {
    use: (namespace, instance, millicores) => usages.set(`${namespace}/${instance}`, millicores),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
