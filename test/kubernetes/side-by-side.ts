/** The base with its monitoring, and overlays/cuda in the same namespace: nothing of one concerns the other's pods. */
import type { HorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2.js';
import type { Pod, Service } from 'kubernetes-types/core/v1.js';
import type { LabelSelector } from 'kubernetes-types/meta/v1.js';
import type { Test } from 'tap';
import { post } from '../support/processes.js';
import { restricted } from './admission.js';
import { list } from './api.js';
import { type Context, instance, podsOf, untilSettled } from './context.js';
import { eventually } from './eventually.js';

const namespace = 'side-by-side';
const instances = ['gumbel-sampler', 'gumbel-sampler-cuda'] as const;

const names = (pods: readonly Pod[]) => pods.map(({ metadata }) => metadata?.name).sort();

const selectorText = ({ matchLabels = {} }: LabelSelector) =>
  Object.entries(matchLabels)
    .map(([key, value]) => `${key}=${value}`)
    .join();

/** The label selectors of an instance's objects, by what they belong to. */
async function selectorsOf({ api }: Context, name: string): Promise<Record<string, string>> {
  const get = async (group: string, resource: string) =>
    (await api('GET', `${group}/namespaces/${namespace}/${resource}`)).body;
  const budget = await get('/apis/policy/v1', `poddisruptionbudgets/${name}`);
  const policy = await get('/apis/networking.k8s.io/v1', `networkpolicies/${name}`);
  const service = await get('/api/v1', `services/${name}`);
  const scale = await get('/apis/apps/v1', `deployments/${name}/scale`);
  return {
    PodDisruptionBudget: selectorText(budget.spec.selector),
    NetworkPolicy: selectorText(policy.spec.podSelector),
    Service: selectorText({ matchLabels: service.spec.selector }),
    // What an autoscaler asks the metrics of.
    'scale of the Deployment': scale.status.selector,
  };
}

async function addressesOf({ api }: Context, service: string): Promise<string[]> {
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
  type Slice = { endpoints?: { addresses: string[]; conditions: { ready?: boolean } }[] };
  const slices = await list<Slice>(api, `${path}?labelSelector=kubernetes.io/service-name=${service}`);
  const endpoints = slices.flatMap((slice) => slice.endpoints ?? []);
  return endpoints
    .filter(({ conditions }) => conditions.ready)
    .flatMap(({ addresses }) => addresses)
    .sort();
}

async function checkInstance(t: Test, context: Context, name: string): Promise<void> {
  const pods = await untilSettled(context, namespace, name);
  for (const [owner, selector] of Object.entries(await selectorsOf(context, name))) {
    t.same(names(await podsOf(context.api, namespace, selector)), names(pods), `${owner} selects its own pods`);
  }
  const addresses = pods.map(({ status }) => String(status?.podIP)).sort();
  t.same(await addressesOf(context, name), addresses, 'the Service leads to its own pods');
  for (const address of addresses) {
    const { status } = await post(`http://${address}:8080`, { logits: [1, 2, 3], seed: 1 });
    t.equal(status, 200, `${address} draws`);
  }
}

export async function checkSideBySide(t: Test, context: Context): Promise<void> {
  const { cluster, manifests, metrics } = context;
  await cluster.kubectl(['apply', '--filename=-'], restricted(namespace));
  for (const folder of ['overlays/monitoring', 'overlays/cuda']) {
    await cluster.kubectl(['apply', '--kustomize', manifests.within(folder, namespace)]);
  }
  for (const name of instances) await t.test(name, (t) => checkInstance(t, context, name));

  await t.test('the ServiceMonitor selects the Service of the base alone', async (t) => {
    const { items } = (await cluster.getJson(['servicemonitors', '--namespace', namespace])) as {
      items: { spec: { selector: LabelSelector } }[];
    };
    t.equal(items.length, 1);
    const selector = selectorText(items[0]?.spec.selector ?? {});
    const found = (await cluster.getJson(['services', '--namespace', namespace, '--selector', selector])) as {
      items: Service[];
    };
    t.same(
      found.items.map(({ metadata }) => metadata?.name),
      ['gumbel-sampler'],
    );
  });

  await t.test('the autoscaler of the base does not see how busy the GPU pods are', async (t) => {
    metrics.use(namespace, 'gumbel-sampler-cuda', 4000);
    metrics.use(namespace, 'gumbel-sampler', 250);
    const autoscalers = async () =>
      ((await cluster.getJson(['hpa', '--namespace', namespace])) as { items: HorizontalPodAutoscaler[] }).items;
    const utilization = async () =>
      (await autoscalers())[0]?.status?.currentMetrics?.[0]?.resource?.current.averageUtilization;
    await eventually('it has read the CPU of its own pods', async () => (await utilization()) === 25);
    t.equal((await autoscalers()).length, 1, 'the GPU instance has none');
    t.equal((await podsOf(context.api, namespace, instance('gumbel-sampler'))).length, 2);
  });
  await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
}
