/**
 * A stand-in for the kubelets of three nodes in two zones. Pods of the namespaces that `runs` names are processes of
 * the built service (pod-run.ts); all others are said to be ready at once, for tests of what only counts pods. There
 * are no containers, no cgroups and no images, and GPUs are only counted.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pod } from 'kubernetes-types/core/v1.js';
import { type Api, list, mergePatch, strategicPatch } from './api.js';
import { podAddress } from './network.js';
import { type Ending, PodRun, setStatus } from './pod-run.js';
import { MissingSecret } from './volumes.js';

const nodes = [
  ['node-a', 'zone-1'],
  ['node-b', 'zone-2'],
  ['node-c', 'zone-1'],
] as const;

/** Enough for every pod of the test. */
const resources = { cpu: '64', memory: '256Gi', pods: '110', 'nvidia.com/gpu': '4' };

/** Between two looks at the pods. */
const lookMs = 500;

export interface Kubelet {
  /** Of every process that has ended. */
  readonly endings: readonly Ending[];
  /** Of the processes of a namespace. */
  readonly pids: (namespace: string) => number[];
  /** Nothing happens to pods while `act` runs: those that go are not replaced by ready ones. */
  readonly standingStill: <Result>(act: () => Promise<Result>) => Promise<Result>;
  readonly stop: () => Promise<void>;
}

async function register(api: Api): Promise<void> {
  for (const [name, zone] of nodes) {
    const labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'topology.kubernetes.io/zone': zone };
    await api('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } });
    const time = new Date().toISOString();
    const ready = {
      type: 'Ready',
      status: 'True',
      reason: 'StandIn',
      lastHeartbeatTime: time,
      lastTransitionTime: time,
    };
    const status = { capacity: resources, allocatable: resources, conditions: [ready] };
    await api('PATCH', `/api/v1/nodes/${name}/status`, { status }, strategicPatch);
    // The taint of a node that is not ready, which the API server gave it.
    await api('PATCH', `/api/v1/nodes/${name}`, { spec: { taints: null } }, mergePatch);
  }
}

export async function startKubelet(api: Api, folder: string, runs: (namespace: string) => boolean): Promise<Kubelet> {
  const endings: Ending[] = [];
  const pods = new Map<string, PodRun | 'declared'>();
  let addresses = 0;
  let over = false;
  let held = false;
  let looking = Promise.resolve();

  const start = async (pod: Pod) => {
    const uid = String(pod.metadata?.uid);
    if (!runs(String(pod.metadata?.namespace))) {
      await declare(api, pod, podAddress(++addresses));
      pods.set(uid, 'declared');
      return;
    }
    const run = new PodRun(pod, podAddress(++addresses), api, folder, (ending) => endings.push(ending));
    try {
      await run.start();
      pods.set(uid, run);
    } catch (error) {
      // The kubelet tries again, too.
      if (!(error instanceof MissingSecret)) throw error;
    }
  };

  const look = async () => {
    const there = new Set<string>();
    for (const pod of await list<Pod>(api, '/api/v1/pods?fieldSelector=spec.nodeName!%3D')) {
      const { uid = '', name, namespace, deletionTimestamp, deletionGracePeriodSeconds = 30 } = pod.metadata ?? {};
      there.add(uid);
      const run = pods.get(uid);
      if (run instanceof PodRun) {
        if (!deletionTimestamp) await run.updateVolumes();
        else if (!run.isStopping) run.stop(deletionGracePeriodSeconds);
      } else if (deletionTimestamp) {
        await api('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}`, { gracePeriodSeconds: 0 });
      } else if (run === undefined) await start(pod);
    }
    for (const [uid, run] of pods) {
      if (there.has(uid)) continue;
      if (run instanceof PodRun) await run.kill();
      pods.delete(uid);
    }
  };

  await register(api);
  const looks = (async () => {
    while (!over) {
      if (!held) looking = look();
      await looking;
      await sleep(lookMs);
    }
  })();
  return {
    endings,
    pids: (namespace) =>
      [...pods.values()].flatMap((run) =>
        run instanceof PodRun && run.namespace === namespace && run.pid !== undefined ? [run.pid] : [],
      ),
    standingStill: async (act) => {
      held = true;
      await looking;
      try {
        return await act();
      } finally {
        held = false;
      }
    },
    stop: async () => {
      over = true;
      await looks;
      for (const run of pods.values()) if (run instanceof PodRun) await run.kill();
    },
  };
}

async function declare(api: Api, pod: Pod, address: string): Promise<void> {
  const time = new Date().toISOString();
  await setStatus(api, pod, {
    phase: 'Running',
    podIP: address,
    podIPs: [{ ip: address }],
    startTime: time,
    conditions: ['Initialized', 'ContainersReady', 'Ready'].map((type) => ({
      type,
      status: 'True',
      lastTransitionTime: time,
    })),
  });
}
