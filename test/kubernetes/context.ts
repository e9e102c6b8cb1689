/** What every check of the running cluster is given, and questions that several of them ask. */
import type { Pod } from 'kubernetes-types/core/v1.js';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js';
import { type Api, list, type Reply } from './api.js';
import type { Cluster } from './cluster.js';
import { eventually } from './eventually.js';
import type { Kubelet } from './kubelet.js';
import type { Manifests } from './manifests.js';
import type { PodMetrics } from './pod-metrics.js';

export interface Context {
  readonly cluster: Cluster;
  readonly api: Api;
  readonly manifests: Manifests;
  readonly metrics: PodMetrics;
  readonly kubelet: Kubelet;
}

/** Of an instance, or of a label selector; those that are being deleted left out. */
export async function podsOf(api: Api, namespace: string, selector: string): Promise<Pod[]> {
  const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(selector)}`;
  return (await list<Pod>(api, path)).filter(({ metadata }) => !metadata?.deletionTimestamp);
}

export const instance = (name: string) => `app.kubernetes.io/instance=${name}`;

const isReady = ({ status }: Pod) =>
  status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;

/** Waits until an instance has two pods, both ready, and its disruption budget knows it. */
export async function untilSettled({ api }: Context, namespace: string, name: string): Promise<Pod[]> {
  let pods: Pod[] = [];
  const settled = async () => {
    pods = await podsOf(api, namespace, instance(name));
    const { body } = await api('GET', `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/${name}`);
    const { status } = body as PodDisruptionBudget;
    return pods.length === 2 && pods.every(isReady) && status?.currentHealthy === 2 && status.disruptionsAllowed === 1;
  };
  await eventually(`${name} in ${namespace} has two ready pods, of which one may go`, settled);
  return pods;
}

/** As `kubectl drain` does: 201 where the disruption budget allows it, 429 where it does not. */
export function evict(api: Api, { metadata }: Pod): Promise<Reply> {
  const { name, namespace } = metadata ?? {};
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
  return api('POST', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, eviction);
}

/** At once, the API server would try the second again half a second later, when the first may have been replaced. */
export async function evictInTurn(api: Api, pods: readonly Pod[]): Promise<Reply[]> {
  const replies: Reply[] = [];
  for (const pod of pods) replies.push(await evict(api, pod));
  return replies;
}
