/**
 * deploy/kubernetes and docs/kubernetes-start.md against a real Kubernetes API server: `npm run test:kubernetes`, which
 * builds the server and gives this file Linux namespaces of its own (run.ts). docs/image-and-kubernetes.md has the last
 * outcome, and what is not enforced here.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { checkAdmission } from './admission.js';
import { openApi } from './api.js';
import { startCluster } from './cluster.js';
import { checkDocument, host } from './document.js';
import { startIngressController } from './ingress-controller.js';
import { checkInstances } from './instances.js';
import { startKubelet } from './kubelet.js';
import { copyManifests } from './manifests.js';
import { openNetwork } from './network.js';
import { servePodMetrics } from './pod-metrics.js';
import { checkRollout } from './rollout.js';
import { checkSideBySide } from './side-by-side.js';

const folder = mkdtempSync(join(tmpdir(), 'gumbel-kubernetes-'));
openNetwork(folder, [host]);
// The pods' user passes through it.
chmodSync(folder, 0o755);
const manifests = copyManifests(folder);

const cluster = await startCluster(String(process.env.KUBERNETES_BIN), folder);
const { gitVersion, goVersion } = JSON.parse(await cluster.kubectl(['get', '--raw', '/version']));
t.comment(`Kubernetes ${gitVersion}, ${goVersion}`);
try {
  await t.test('every manifest is admitted, and differs from nothing', (t) => checkAdmission(t, cluster, manifests));

  cluster.startControllers();
  const api = await openApi(cluster);
  const metrics = await servePodMetrics(cluster, api);
  const controller = await startIngressController(cluster, api);
  const kubelet = await startKubelet(api, folder, (namespace) =>
    ['gumbel-sampler', 'side-by-side'].includes(namespace),
  );
  const context = { cluster, api, manifests, metrics, kubelet };
  await t.test('from nothing to a draw over TLS, by the document', (t) => checkDocument(t, context));
  await t.test('a roll-out and an eviction under load lose nothing', (t) => checkRollout(t, context));
  await t.test('base and GPUs in one namespace', (t) => checkSideBySide(t, context));
  await t.test('two instances in one namespace', (t) => checkInstances(t, context));
  await controller.close();
  await kubelet.stop();
  metrics.close();
} finally {
  await cluster.stop();
  if (t.passing()) rmSync(folder, { recursive: true });
  else t.comment(`Logs and files are in ${folder}`);
}
