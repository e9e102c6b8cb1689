/** A pod on a node of the stand-in: a process of the built service, started, probed and stopped as the kubelet does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Container, EnvVar, Pod, PodSpec, PodStatus } from 'kubernetes-types/core/v1.js';
import type { Api } from './api.js';
import { runProbes } from './probes.js';
import { Volumes } from './volumes.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const runPod = fileURLToPath(new URL('../../../test/kubernetes/run-pod.sh', import.meta.url));

/** How a process ended. */
export interface Ending {
  readonly pod: string;
  readonly namespace: string;
  /** 128 and the number of the signal where one killed it. */
  readonly code: number;
  /** Undefined where it ended without being told to. */
  readonly msAfterSigterm: number | undefined;
}

/** Seconds are what the API keeps of a time. */
const now = () => new Date().toISOString().replace(/\.\d+/, '');
const signalNumbers: Readonly<Record<string, number>> = { SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 };

export class PodRun {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly #pod: Pod;
  readonly #spec: PodSpec;
  readonly #container: Container;
  readonly #api: Api;
  readonly #folder: string;
  readonly #address: string;
  readonly #ended: (ending: Ending) => void;
  readonly #volumes: Volumes;
  readonly #startTime = now();
  #child: ChildProcess | undefined;
  #exit: Promise<void> | undefined;
  #told: Promise<void> = Promise.resolve();
  #probes = new AbortController();
  #ready = false;
  #started = false;
  #readySince = this.#startTime;
  #restarts = 0;
  #sigtermMs: number | undefined;
  #code: number | undefined;

  constructor(pod: Pod, address: string, api: Api, folder: string, ended: (ending: Ending) => void) {
    const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
    [this.name, this.namespace, this.uid] = [name, namespace, uid];
    this.#pod = pod;
    this.#spec = pod.spec as PodSpec;
    this.#container = this.#spec.containers[0] as Container;
    this.#api = api;
    this.#address = address;
    this.#ended = ended;
    this.#folder = join(folder, 'pods', uid);
    this.#volumes = new Volumes(api, namespace, join(this.#folder, 'volumes'), this.#spec);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get isStopping(): boolean {
    return this.#sigtermMs !== undefined;
  }

  /** Throws MissingSecret where a volume cannot be made yet. */
  async start(): Promise<void> {
    await this.#volumes.update();
    const environment = await this.#environment();
    mkdirSync(join(this.#folder, 'root'), { recursive: true });
    const log = openSync(join(this.#folder, 'log'), 'a');
    const { runAsUser = 0, runAsGroup = 0 } = this.#spec.securityContext ?? {};
    const pod = [join(this.#folder, 'root'), root, process.execPath, String(runAsUser), String(runAsGroup)];
    const child = spawn('unshare', ['--mount', runPod, ...pod, ...this.#volumes.mountsOf(this.#container)], {
      env: environment,
      stdio: ['ignore', log, log],
    });
    this.#child = child;
    this.#exit = once(child, 'exit').then(([code, signal]) => this.#exited(code ?? 128 + (signalNumbers[signal] ?? 0)));
    this.#probes = new AbortController();
    const tell = {
      started: () => {
        this.#started = true;
        this.#tellStatus();
      },
      ready: (is: boolean) => this.#becomes(is),
      dead: () => {
        if (!this.isStopping) child.kill('SIGKILL');
      },
    };
    runProbes(this.#address, this.#container, tell, this.#probes.signal);
    await this.#tellStatus();
  }

  /** Of a Secret that has changed. */
  updateVolumes(): Promise<void> {
    return this.#volumes.update();
  }

  stop(graceSeconds: number): void {
    this.#sigtermMs = performance.now();
    const child = this.#child as ChildProcess;
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), graceSeconds * 1000);
    child.once('exit', () => clearTimeout(killer));
  }

  async kill(): Promise<void> {
    this.#sigtermMs ??= performance.now();
    this.#child?.kill('SIGKILL');
    await this.#exit;
  }

  async #exited(code: number): Promise<void> {
    this.#probes.abort();
    const msAfterSigterm = this.#sigtermMs === undefined ? undefined : performance.now() - this.#sigtermMs;
    this.#ended({ pod: this.name, namespace: this.namespace, code, msAfterSigterm });
    this.#started = false;
    this.#ready = false;
    if (this.isStopping) {
      this.#code = code;
      await this.#tellStatus();
      const preconditions = { uid: this.uid };
      await this.#api('DELETE', this.#path, {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        gracePeriodSeconds: 0,
        preconditions,
      });
      return;
    }
    this.#restarts++;
    await this.#tellStatus();
    await sleep(1000);
    if (!this.isStopping) await this.start();
  }

  get #path(): string {
    return `/api/v1/namespaces/${this.namespace}/pods/${this.name}`;
  }

  async #becomes(ready: boolean): Promise<void> {
    if (ready === this.#ready) return;
    this.#ready = ready;
    this.#readySince = now();
    await this.#tellStatus();
  }

  /** Of the process: what the container is given, and what its cgroup and its network namespace would settle. */
  async #environment(): Promise<Record<string, string>> {
    const environment: Record<string, string> = { HOST: this.#address, PROCESSES: '1', NODE_ENV: 'production' };
    for (const { configMapRef } of this.#container.envFrom ?? []) {
      const { body } = await this.#api('GET', `/api/v1/namespaces/${this.namespace}/configmaps/${configMapRef?.name}`);
      Object.assign(environment, body.data);
    }
    for (const variable of this.#container.env ?? []) environment[variable.name] = this.#valueOf(variable);
    // There is no GPU.
    if (this.#container.resources?.limits?.['nvidia.com/gpu']) environment.EXECUTION_PROVIDER = 'cpu';
    return { PATH: String(process.env.PATH), ...environment };
  }

  #valueOf({ name, value, valueFrom }: EnvVar): string {
    if (value !== undefined) return value;
    if (valueFrom?.resourceFieldRef?.resource !== 'limits.cpu') {
      throw new Error(`The stand-in for the kubelet cannot tell ${name}: ${JSON.stringify(valueFrom)}`);
    }
    const cpus = String(this.#container.resources?.limits?.cpu);
    return String(Math.ceil(cpus.endsWith('m') ? Number.parseInt(cpus, 10) / 1000 : Number(cpus)));
  }

  /** One after the other, so that the newest is the last. */
  #tellStatus(): Promise<void> {
    this.#told = this.#told.then(() => setStatus(this.#api, this.#pod, this.#status()));
    return this.#told;
  }

  #status(): PodStatus {
    const condition = (type: string, is: boolean) => ({
      type,
      status: is ? 'True' : 'False',
      lastTransitionTime: this.#readySince,
    });
    const running = { running: { startedAt: this.#startTime } };
    const terminated = { terminated: { exitCode: this.#code ?? 0, startedAt: this.#startTime, finishedAt: now() } };
    const over = this.#code === undefined ? 'Running' : this.#code === 0 ? 'Succeeded' : 'Failed';
    return {
      phase: over,
      podIP: this.#address,
      podIPs: [{ ip: this.#address }],
      startTime: this.#startTime,
      conditions: [
        ...['Initialized', 'PodScheduled', 'PodReadyToStartContainers'].map((type) => condition(type, true)),
        ...['ContainersReady', 'Ready'].map((type) => condition(type, this.#ready)),
      ],
      containerStatuses: [
        {
          name: this.#container.name,
          image: String(this.#container.image),
          imageID: 'a process of the built service',
          ready: this.#ready,
          started: this.#started,
          restartCount: this.#restarts,
          state: this.#code === undefined ? running : terminated,
        },
      ],
    };
  }
}

/** A pod that has gone meanwhile needs no status. */
export async function setStatus(api: Api, { metadata }: Pod, status: PodStatus): Promise<void> {
  const path = `/api/v1/namespaces/${metadata?.namespace}/pods/${metadata?.name}/status`;
  const patch = { metadata: { uid: metadata?.uid }, status };
  const reply = await api('PATCH', path, patch, 'application/strategic-merge-patch+json');
  if (reply.status >= 300 && reply.status !== 404 && reply.status !== 409) {
    throw new Error(`The status of ${metadata?.name} was refused: ${JSON.stringify(reply.body)}`);
  }
}
