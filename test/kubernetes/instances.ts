/** Two instances in one namespace, the second as the document prints it: drained and scaled each for itself. */
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { Test } from 'tap';
import { restricted } from './admission.js';
import { type Context, evict, evictInTurn, instance, podsOf, untilSettled } from './context.js';
import { eventually } from './eventually.js';

const namespace = 'instances';
const [first, second] = ['gumbel-sampler', 'gumbel-sampler-eu'] as const;

/** Of a pod that needs more than the autoscaler's target of 80 % of its one CPU. */
const busyMillicores = 3000;

async function checkEvictions(t: Test, context: Context): Promise<void> {
  for (const name of [first, second]) {
    const pods = await untilSettled(context, namespace, name);
    const [allowed, refused] = await context.kubelet.standingStill(() => evictInTurn(context.api, pods));
    t.equal(allowed?.status, 201, `${name}: one of two may go`);
    t.equal(refused?.status, 429, `${name}: the other may not`);
    t.match(refused?.body.message, /would violate the pod's disruption budget/);
  }
  // And both at once: the budget of one is not used up by the other.
  const [ofFirst, ofSecond] = [
    await untilSettled(context, namespace, first),
    await untilSettled(context, namespace, second),
  ];
  const together = await Promise.all([ofFirst[0], ofSecond[0]].map((pod) => evict(context.api, pod ?? {})));
  t.same(
    together.map(({ status }) => status),
    [201, 201],
  );
  for (const name of [first, second]) await untilSettled(context, namespace, name);
}

async function checkAutoscalers(t: Test, { api, metrics }: Context): Promise<void> {
  const replicas = async (name: string) => {
    const { body } = await api('GET', `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`);
    return Number((body as Deployment).spec?.replicas);
  };
  const startMs = performance.now();
  metrics.use(namespace, second, busyMillicores);
  const seen: [replicas: number, seconds: number][] = [];
  const grown = async () => {
    const now = await replicas(second);
    if (now !== seen.at(-1)?.[0]) seen.push([now, Math.round((performance.now() - startMs) / 1000)]);
    return now === 10;
  };
  await eventually('the busy instance has as many pods as it may', grown);
  t.comment(
    `replicas of the busy instance: ${seen.map(([count, seconds]) => `${count} after ${seconds} s`).join(', ')}`,
  );
  // By the policy: four more, or three times as many, in each 15 seconds.
  t.same(
    seen.map(([count]) => count),
    [2, 6, 10],
  );
  t.equal(await replicas(first), 2, 'the idle instance has not grown');
  for (const [name, utilization, count] of [
    [first, 10, 2],
    [second, 300, 10],
  ] as const) {
    const { body } = await api('GET', `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers/${name}`);
    t.equal(body.status.currentMetrics[0].resource.current.averageUtilization, utilization, `${name}: of its own pods`);
    const pods = async () => (await podsOf(api, namespace, instance(name))).length === count;
    await eventually(`${name} has ${count} pods`, pods);
  }
}

export async function checkInstances(t: Test, context: Context): Promise<void> {
  const { cluster, manifests } = context;
  await cluster.kubectl(['apply', '--filename=-'], restricted(namespace));
  for (const folder of ['overlays/monitoring', 'document-eu']) {
    await cluster.kubectl(['apply', '--kustomize', manifests.within(folder, namespace)]);
  }
  await t.test('evictions', (t) => checkEvictions(t, context));
  await t.test('autoscalers', (t) => checkAutoscalers(t, context));
}
