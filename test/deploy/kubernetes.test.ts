/**
 * deploy/kubernetes: every overlay renders, is typed as Kubernetes has it, and hangs together with itself and with the
 * service. Where neither kubectl nor kustomize is installed, the test says so, and that is all it asserts.
 */
import { readFileSync } from 'node:fs';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { HorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2.js';
import type { ConfigMap, Container, PodSpec, Service, ServiceAccount } from 'kubernetes-types/core/v1.js';
import type { Ingress, NetworkPolicy } from 'kubernetes-types/networking/v1.js';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js';
import t from 'tap';
import { parse } from 'yaml';
import { options, readConfig } from '../../src/config.js';
import { tracingOptions } from '../../src/tracing-options.js';
import type { InferenceService, PrometheusRule, ServiceMonitor, ServingRuntime } from '../support/custom-resources.js';
import { findRenderer, type Manifest, render, typeErrors } from '../support/render-manifests.js';
import { startService } from '../support/service.js';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const { version } = JSON.parse(read('package.json')) as { version: string };

/** Each folder with the kinds it renders, in alphabetical order. */
const base = [
  'ConfigMap',
  'Deployment',
  'HorizontalPodAutoscaler',
  'NetworkPolicy',
  'PodDisruptionBudget',
  'Service',
  'ServiceAccount',
];
const folders: Readonly<Record<string, readonly string[]>> = {
  base,
  'overlays/cuda': base.filter((kind) => kind !== 'HorizontalPodAutoscaler'),
  'overlays/kserve': ['InferenceService', 'NetworkPolicy', 'PodDisruptionBudget', 'ServingRuntime'],
  'overlays/monitoring': [...base, 'PrometheusRule', 'ServiceMonitor'].toSorted(),
  'overlays/tracing': base,
  'overlays/public': [...base, 'Ingress', 'Namespace'].toSorted(),
};

const renderer = await findRenderer();
const rendered = new Map<string, Manifest[]>();

if (renderer === undefined) {
  t.test('the manifests are rendered where kubectl or kustomize is installed', async (t) => {
    t.equal(renderer, undefined, 'neither is installed');
    t.comment(
      'NOT RUN: deploy/kubernetes. Install kubectl, or kustomize with: go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.1',
    );
  });
} else {
  for (const folder of Object.keys(folders)) rendered.set(folder, await render(renderer, folder));
  testRendering();
  testTypes();
  testConnections();
  testPods();
  testService();
  testExtensions();
}

/**
 * The only object of a kind. The compiler has checked the rendered text against the type, so the type is believed here.
 */
function only<Kind extends { kind?: string }>(folder: string, kind: NonNullable<Kind['kind']>): Kind {
  const [found] = (rendered.get(folder) ?? []).filter((manifest) => manifest.kind === kind);
  if (found === undefined) throw new Error(`${folder} renders no ${kind}`);
  return found as unknown as Kind;
}

const withDeployment = Object.keys(folders).filter((folder) => folders[folder]?.includes('Deployment'));

function deploymentOf(folder: string) {
  const { spec } = only<Deployment>(folder, 'Deployment');
  const pod = spec?.template.spec as PodSpec;
  return { spec, pod, labels: spec?.template.metadata?.labels ?? {}, container: pod.containers[0] };
}

/**
 * What the container finds in its environment, from its ConfigMap and its own list; WORKERS as Kubernetes would fill it
 * in.
 */
function environmentOf(container: Container, data: ConfigMap['data'] = {}): Record<string, string> {
  const own = (container.env ?? []).map(({ name, value }) => [name, value ?? container.resources?.limits?.cpu]);
  return { ...data, ...Object.fromEntries(own) };
}

/** Pods as the service's own process sees them: [where, container, pod, environment]. */
function pods(): [folder: string, container: Container, pod: Partial<PodSpec>, environment: Record<string, string>][] {
  const [runtimeContainer] = only<ServingRuntime>('overlays/kserve', 'ServingRuntime').spec.containers;
  const { predictor } = only<InferenceService>('overlays/kserve', 'InferenceService').spec;
  const kserve = runtimeContainer;
  return [
    ...withDeployment.map((folder) => {
      const { container, pod } = deploymentOf(folder);
      const environment = environmentOf(container, only<ConfigMap>(folder, 'ConfigMap').data);
      return [folder, container, pod, environment] as ReturnType<typeof pods>[number];
    }),
    ['overlays/kserve', kserve, predictor, environmentOf(kserve)],
  ];
}

function testRendering(): void {
  t.test('the base and every overlay render the objects they are for', async (t) => {
    for (const [folder, kinds] of Object.entries(folders)) {
      t.same(
        rendered
          .get(folder)
          ?.map(({ kind }) => kind)
          .toSorted(),
        kinds,
        folder,
      );
      for (const { kind, metadata } of rendered.get(folder) ?? []) {
        t.equal(metadata.labels?.['app.kubernetes.io/part-of'], 'gumbel-sampler', `${folder} ${kind} is labelled`);
      }
    }
  });
}

function testTypes(): void {
  t.test('every rendered object is what its kind asks for', async (t) => {
    for (const [folder, manifests] of rendered) t.equal(await typeErrors(folder, manifests), '', folder);
  });

  t.test('a misspelt, mistyped or missing field does not compile', async (t) => {
    const mistakes: [from: string, to: string, message: RegExp][] = [
      ['"readinessProbe"', '"readinesProbe"', /'"readinesProbe"' does not exist in type 'Container'/],
      ['"containerPort":8080', '"containerPort":"8080"', /'string' is not assignable to type 'number'/],
      ['"maxReplicas":10,', '', /'maxReplicas' is missing/],
      ['"kind":"Service"', '"kind":"Servise"', /no exported member 'Servise'/],
      ['"seccompProfile"', '"secompProfile"', /'"secompProfile"' does not exist in type 'PodSecurityContext'/],
      ['"scrapeTimeout":"5s"', '"scrapeTimeout":"5"', /is not assignable to type/],
    ];
    const text = JSON.stringify(rendered.get('overlays/monitoring'));
    for (const [at, [from, to, message]] of mistakes.entries()) {
      t.ok(text.includes(from), `${from} is there to be mistaken`);
      t.match(await typeErrors(`mistake-${at}`, JSON.parse(text.replace(from, to))), message);
    }
  });
}

function testConnections(): void {
  t.test('every selector finds the pods, and every port is theirs', async (t) => {
    for (const folder of withDeployment) {
      const { spec, pod, labels, container } = deploymentOf(folder);
      const service = only<Service>(folder, 'Service').spec;
      const policy = only<NetworkPolicy>(folder, 'NetworkPolicy').spec;
      const selectors = {
        Deployment: spec?.selector.matchLabels,
        Service: service?.selector,
        PodDisruptionBudget: only<PodDisruptionBudget>(folder, 'PodDisruptionBudget').spec?.selector?.matchLabels,
        NetworkPolicy: policy?.podSelector.matchLabels,
        ...pod.topologySpreadConstraints?.map((constraint) => constraint.labelSelector?.matchLabels),
      };
      for (const [owner, selector] of Object.entries(selectors)) {
        // An empty selector would find every pod of the namespace, other services' too.
        t.ok(Object.keys(selector ?? {}).length > 0, `${folder} ${owner} selects`);
        t.hasStrict(labels, selector ?? {}, `${folder} ${owner} selects these pods`);
      }
      t.same(container.ports, [{ name: 'http', containerPort: Number(options.PORT.default), protocol: 'TCP' }]);
      t.same(
        service?.ports?.map(({ targetPort }) => targetPort),
        ['http'],
      );
      t.same(
        policy?.ingress?.map(({ ports }) => ports?.map(({ port }) => port)),
        [['http']],
      );
      t.equal(pod.serviceAccountName, only<ServiceAccount>(folder, 'ServiceAccount').metadata?.name);
      t.equal(only<ServiceAccount>(folder, 'ServiceAccount').automountServiceAccountToken, false);
      t.same(container.envFrom, [{ configMapRef: { name: only<ConfigMap>(folder, 'ConfigMap').metadata?.name } }]);
    }
  });

  t.test("two instances in one namespace never select each other's pods", async (t) => {
    const instances = ['base', 'overlays/cuda'] as const;
    const selectorsOf = (folder: string) => ({
      Deployment: only<Deployment>(folder, 'Deployment').spec?.selector.matchLabels,
      Service: only<Service>(folder, 'Service').spec?.selector,
      PodDisruptionBudget: only<PodDisruptionBudget>(folder, 'PodDisruptionBudget').spec?.selector?.matchLabels,
      NetworkPolicy: only<NetworkPolicy>(folder, 'NetworkPolicy').spec?.podSelector.matchLabels,
      ...deploymentOf(folder).pod.topologySpreadConstraints?.map(({ labelSelector }) => labelSelector?.matchLabels),
    });
    for (const [own, other] of [instances, instances.toReversed()]) {
      const { labels } = deploymentOf(other);
      for (const [owner, selector] of Object.entries(selectorsOf(own))) {
        const finds = Object.entries(selector ?? {}).every(([name, value]) => labels[name] === value);
        t.notOk(finds, `${owner} of ${own} and the pods of ${other}`);
      }
      const names = (folder: string) =>
        (rendered.get(folder) ?? []).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
      const shared = names(own).filter((name) => names(other).includes(name));
      t.same(shared, [], 'no object of one is overwritten by the other');
    }
    const monitored = only<ServiceMonitor>('overlays/monitoring', 'ServiceMonitor').spec.selector.matchLabels;
    t.not(
      only<Service>('overlays/cuda', 'Service').metadata?.labels?.['app.kubernetes.io/instance'],
      monitored?.['app.kubernetes.io/instance'],
    );
  });

  t.test('nobody reaches the port without a label, and nothing but spans leaves the pods', async (t) => {
    for (const folder of [...withDeployment, 'overlays/kserve']) {
      const spec = only<NetworkPolicy>(folder, 'NetworkPolicy').spec;
      t.same(spec?.policyTypes, ['Ingress', 'Egress']);
      // The API server drops an empty list, and `kubectl diff` would find it for ever.
      t.equal(Object.hasOwn(spec ?? {}, 'egress'), folder === 'overlays/tracing', folder);
      t.same(
        spec?.ingress?.flatMap(({ from }) => from),
        [
          { podSelector: { matchExpressions: [{ key: 'gumbel-sampler/client', operator: 'In', values: ['true'] }] } },
          { namespaceSelector: { matchLabels: { 'gumbel-sampler/client': 'true' } } },
        ],
      );
    }
  });

  t.test('spans reach the collector that they are sent to, and its name is found', async (t) => {
    const { tracing } = readConfig(only<ConfigMap>('overlays/tracing', 'ConfigMap').data ?? {});
    t.match(tracing, { sampler: 'parentbased_traceidratio', ratio: 0.01 });
    const { hostname, port } = new URL(tracing?.url ?? '');
    const [name, namespace] = hostname.split('.');
    const [collector, names] = only<NetworkPolicy>('overlays/tracing', 'NetworkPolicy').spec?.egress ?? [];
    t.match(collector, {
      to: [
        {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          podSelector: { matchExpressions: [{ values: [name] }] },
        },
      ],
      ports: [{ port: Number(port) }],
    });
    t.match(names?.ports, [{ protocol: 'UDP', port: 53 }]);
  });

  t.test('the keys are where the service looks for them, and its user may read them', async (t) => {
    const { pod, container } = deploymentOf('overlays/public');
    const file = container.env?.find(({ name }) => name === 'API_KEYS_FILE')?.value;
    const mount = container.volumeMounts?.find(({ mountPath }) => file === `${mountPath}/api-keys`);
    const volume = pod.volumes?.find(({ name }) => name === mount?.name);
    t.equal(volume?.secret?.secretName, 'gumbel-sampler-api-keys');
    t.equal(volume?.secret?.defaultMode, 0o440);
    t.equal(pod.securityContext?.fsGroup, pod.securityContext?.runAsUser);
    const { spec } = only<Ingress>('overlays/public', 'Ingress');
    for (const { path } of spec?.rules?.[0]?.http?.paths ?? []) t.not(path, '/', 'probes and metrics stay inside');
    t.same(spec?.tls?.[0]?.hosts, [spec?.rules?.[0]?.host]);
  });

  t.test('who scales the Deployment is said once', async (t) => {
    for (const folder of withDeployment) {
      const { metadata, spec } = only<Deployment>(folder, 'Deployment');
      if (!folders[folder]?.includes('HorizontalPodAutoscaler')) {
        t.ok((spec?.replicas ?? 0) >= 2, `${folder} has replicas of its own`);
        t.same(spec?.strategy?.rollingUpdate, { maxSurge: 0, maxUnavailable: 1 }, 'no spare GPU is waited for');
        continue;
      }
      const autoscaler = only<HorizontalPodAutoscaler>(folder, 'HorizontalPodAutoscaler').spec;
      t.same(autoscaler?.scaleTargetRef, { apiVersion: 'apps/v1', kind: 'Deployment', name: metadata?.name });
      t.ok((autoscaler?.minReplicas ?? 0) >= 2, `${folder} survives the loss of a node`);
      t.equal(spec?.replicas, undefined, `${folder} leaves the number to its autoscaler`);
      t.same(spec?.strategy?.rollingUpdate, { maxSurge: 1, maxUnavailable: 0 });
    }
  });
}

function testPods(): void {
  t.test('every pod keeps to the restricted pod security standard, and more', async (t) => {
    for (const [folder, container, pod] of pods()) {
      t.match(pod.securityContext, { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } });
      const expected = {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      };
      t.match(container.securityContext, expected, folder);
      t.equal(pod.automountServiceAccountToken, false);
      for (const volume of pod.volumes ?? []) t.ok(volume.emptyDir ?? volume.secret, `${folder} ${volume.name}`);
      t.notOk(pod.hostNetwork ?? pod.hostPID ?? pod.hostIPC, `${folder} shares nothing with its node`);
    }
  });

  t.test('every pod runs this version, within limits, with a worker for each CPU or one for a GPU', async (t) => {
    for (const [folder, { image, name, env, resources }] of pods()) {
      const gpu = folder === 'overlays/cuda';
      t.equal(image, `gumbel-sampler:${version}${gpu ? '-cuda' : ''}`);
      for (const resource of ['cpu', 'memory'] as const) {
        t.ok(resources?.requests?.[resource] && resources.limits?.[resource], `${folder} ${resource}`);
      }
      t.equal(resources?.limits?.['nvidia.com/gpu'], gpu ? '1' : undefined);
      const workers = env?.find((variable) => variable.name === 'WORKERS');
      const reference = { containerName: name, resource: 'limits.cpu', divisor: '1' };
      const expected = gpu ? { value: '1' } : { valueFrom: { resourceFieldRef: reference } };
      t.strictSame(workers, { name: 'WORKERS', ...expected }, folder);
    }
  });

  t.test('a pod has left its Service before it stops, and stops before it is killed', async (t) => {
    for (const [folder, { readinessProbe }, pod, environment] of pods()) {
      const [drainMs, stopMs] = [Number(environment.DRAIN_DELAY_MS), Number(environment.SHUTDOWN_TIMEOUT_MS)];
      const noticedMs = (readinessProbe?.periodSeconds ?? 10) * (readinessProbe?.failureThreshold ?? 3) * 1000;
      t.ok(drainMs >= noticedMs, `${folder}: ${drainMs} ms of drain, noticed after ${noticedMs}`);
      const graceMs = (pod.terminationGracePeriodSeconds ?? 30) * 1000;
      t.ok(graceMs >= drainMs + stopMs + 1000, `${folder}: ${graceMs} ms of grace for ${drainMs} and ${stopMs}`);
    }
  });
}

function testService(): void {
  t.test('every variable is an option of the service, with a value that it takes', async (t) => {
    const all = { ...options, ...tracingOptions };
    for (const [folder, , , environment] of pods()) {
      for (const [name, value] of Object.entries(environment)) {
        t.ok(all[name as keyof typeof all]?.schema.safeParse(value).success, `${folder} ${name}=${value}`);
      }
    }
  });

  t.test('every probe asks for something that the service answers with 200', async (t) => {
    const { app, close } = await startService();
    t.teardown(close);
    for (const [folder, container] of pods()) {
      for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
        const { path, port } = probe?.httpGet ?? { path: '', port: 0 };
        t.ok(
          container.ports?.some(({ name, containerPort }) => port === name || port === containerPort),
          `${port}`,
        );
        t.equal((await app.inject(path as string)).statusCode, 200, `${folder} ${path}`);
      }
      t.not(container.livenessProbe?.httpGet?.path, container.readinessProbe?.httpGet?.path, 'a draining pod is alive');
    }
    t.equal((await app.inject('/v2/models/gumbel_softmax')).statusCode, 200, 'the model of the kserve overlay');
  });
}

function testExtensions(): void {
  t.test('the InferenceService names its runtime, which is chosen by name alone', async (t) => {
    const runtime = only<ServingRuntime>('overlays/kserve', 'ServingRuntime');
    const { metadata, spec } = only<InferenceService>('overlays/kserve', 'InferenceService');
    const { model, ...predictor } = spec.predictor;
    t.match(metadata.name, /^[a-z][-a-z0-9]*$/, 'a name that KServe takes');
    t.equal(model.runtime, runtime.metadata.name);
    t.ok(runtime.spec.protocolVersions?.includes(model.protocolVersion ?? 'v1'));
    t.match(runtime.spec.supportedModelFormats, [{ ...model.modelFormat, autoSelect: false }]);
    t.equal(runtime.spec.containers[0]?.name, 'kserve-container');
    t.equal(model.storageUri, undefined, 'there is no model to download');
    t.ok((predictor.minReplicas ?? 0) >= 2);
    const policy = only<NetworkPolicy>('overlays/kserve', 'NetworkPolicy').spec;
    t.same(policy?.podSelector.matchLabels, { 'serving.kserve.io/inferenceservice': metadata.name });
  });

  t.test('Prometheus scrapes what the Service serves, and alerts as deploy/grafana does', async (t) => {
    const { spec } = only<ServiceMonitor>('overlays/monitoring', 'ServiceMonitor');
    const service = only<Service>('overlays/monitoring', 'Service');
    t.hasStrict(service.metadata?.labels, spec.selector.matchLabels ?? {});
    t.same(
      spec.endpoints.map(({ port }) => port),
      service.spec?.ports?.map(({ name }) => name),
    );
    const { app, close } = await startService();
    t.teardown(close);
    for (const { path } of spec.endpoints) t.equal((await app.inject(path ?? '/metrics')).statusCode, 200);
    const { groups } = only<PrometheusRule>('overlays/monitoring', 'PrometheusRule').spec;
    const [shared, ofReplicas] = groups;
    t.strictSame([shared], parse(read('deploy/grafana/alerts.yaml')).groups);
    t.equal(groups.length, 2);
    // They find instances with a name suffix, too.
    for (const { expr } of ofReplicas?.rules ?? []) {
      const names = [...expr.matchAll(/=~"([^"]*)"/g)].map(([, pattern]) => new RegExp(`^${pattern}$`));
      t.equal(names.length, 1, expr);
      for (const name of names) t.match(`${service.metadata?.name}-eu`, name);
    }
  });
}
