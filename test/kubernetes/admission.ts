/** Everything of deploy/kubernetes is taken by the API server, with nothing to warn of, and stays as it was applied. */
import { join } from 'node:path';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { PodTemplateSpec } from 'kubernetes-types/core/v1.js';
import type { Test } from 'tap';
import { parse } from 'yaml';
import type { InferenceService, ServingRuntime } from '../support/custom-resources.js';
import type { Cluster } from './cluster.js';
import { eventually } from './eventually.js';
import { blocksOf, type Manifests, read } from './manifests.js';

const strictly = ['--validate=strict', '--warnings-as-errors'];

/** Both ways in which people apply. */
const ways = { '': [], '-server-side': ['--server-side'] } as const;

/** A namespace that admits only pods of the restricted Pod Security Standard. */
export function restricted(name: string): string {
  const levels = ['enforce', 'warn', 'audit'].map((mode) => [`pod-security.kubernetes.io/${mode}`, 'restricted']);
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: Object.fromEntries(levels) },
  });
}

async function applyDefinitions(cluster: Cluster): Promise<void> {
  await cluster.kubectl(['apply', '--server-side', '--filename', join(cluster.programs, 'crds')]);
  type Definition = { metadata: { name: string }; status?: { conditions?: { type: string; status: string }[] } };
  const established = async () => {
    const { items } = (await cluster.getJson(['crd'])) as { items: Definition[] };
    const is = ({ status }: Definition) =>
      status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') ?? false;
    return items.length > 0 && items.every(is);
  };
  await eventually('the definitions are established', established);
}

/** The pods that come of what was applied: of a Deployment, or as KServe makes them of a runtime and its service. */
async function templatesIn(cluster: Cluster, namespace: string): Promise<PodTemplateSpec[]> {
  const list = async <Kind>(kind: string): Promise<Kind[]> => {
    const { items } = (await cluster.getJson([kind, '--namespace', namespace])) as { items: Kind[] };
    return items;
  };
  const deployments = await list<Deployment>('deployments');
  const services = await list<InferenceService>('inferenceservices');
  const runtimes = await list<ServingRuntime>('servingruntimes');
  const ofServices = services.map(({ spec }) => {
    const { automountServiceAccountToken, terminationGracePeriodSeconds, securityContext, topologySpreadConstraints } =
      spec.predictor;
    const containers = runtimes.flatMap((runtime) => runtime.spec.containers);
    const pod = {
      automountServiceAccountToken,
      terminationGracePeriodSeconds,
      securityContext,
      topologySpreadConstraints,
    };
    return { spec: { ...pod, containers } } as PodTemplateSpec;
  });
  return [...deployments.flatMap(({ spec }) => (spec ? [spec.template] : [])), ...ofServices];
}

function podOf(template: PodTemplateSpec, escalates: boolean): string {
  const spec = structuredClone(template.spec);
  const context = spec?.containers[0]?.securityContext;
  if (context && escalates) context.allowPrivilegeEscalation = true;
  return JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { ...template.metadata, name: 'one' }, spec });
}

async function checkOne(t: Test, cluster: Cluster, manifests: Manifests, name: string): Promise<void> {
  for (const [suffix, how] of Object.entries(ways)) {
    const namespace = `${name.replaceAll('/', '-')}${suffix}`;
    const folder = manifests.within(name, namespace);
    await cluster.kubectl(['apply', '--filename=-'], restricted(namespace));
    const applied = await cluster.tryKubectl(['apply', ...how, ...strictly, '--kustomize', folder]);
    t.equal(applied.code, 0, `${namespace}: applied without a warning`, { output: applied.output });
    const { code, output } = await cluster.tryKubectl(['diff', ...how, '--kustomize', folder]);
    t.equal(code, 0, `${namespace}: nothing differs from what was applied`, { output });
  }
  const namespace = name.replaceAll('/', '-');
  // Pods without an account of their own have this one. Its controller does not run yet.
  await cluster.kubectl(['create', 'serviceaccount', 'default', '--namespace', namespace]);
  const templates = await templatesIn(cluster, namespace);
  t.equal(templates.length, 1, `${namespace} has one kind of pod`);
  for (const template of templates) {
    const create = ['create', '--dry-run=server', '--namespace', namespace, '--filename=-'];
    const admitted = await cluster.tryKubectl([...create, '--warnings-as-errors'], podOf(template, false));
    t.equal(admitted.code, 0, `${namespace}: the pod is admitted`, { output: admitted.output });
    const refused = await cluster.tryKubectl(create, podOf(template, true));
    t.not(refused.code, 0, `${namespace}: the same pod is refused if it may gain privileges`);
    t.match(refused.output, /violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false/);
  }
}

async function checkRoute(t: Test, cluster: Cluster): Promise<void> {
  const routes = blocksOf(read('docs/kubernetes-start.md'), 'yaml').filter((text) => parse(text).kind === 'HTTPRoute');
  t.equal(routes.length, 1);
  for (const [verb, ...options] of [['apply', ...strictly], ['diff']]) {
    const { code, output } = await cluster.tryKubectl([String(verb), ...options, '--filename=-'], routes[0]);
    t.equal(code, 0, String(verb), { output });
  }
}

export async function checkAdmission(t: Test, cluster: Cluster, manifests: Manifests): Promise<void> {
  await applyDefinitions(cluster);
  for (const name of manifests.names) await t.test(name, (t) => checkOne(t, cluster, manifests, name));
  await t.test('the HTTPRoute of the document', (t) => checkRoute(t, cluster));
  // Nothing runs them yet, and nothing shall: the controllers start after this.
  const { items } = (await cluster.getJson(['namespaces'])) as { items: { metadata: { name: string } }[] };
  const own = items.map(({ metadata }) => metadata.name).filter((name) => !/^(default|kube-.*)$/.test(name));
  await cluster.kubectl(['delete', 'namespace', '--wait=false', ...own]);
}
