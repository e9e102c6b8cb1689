/**
 * A Kubernetes control plane on loopback: etcd and kube-apiserver, then, when asked, controllers and scheduler. All of
 * it is the real thing, as build.sh built it.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from './eventually.js';

const execute = promisify(execFile);

/** What the manifests need of the controller manager. */
const controllers = [
  'deployment',
  'replicaset',
  'disruption',
  'horizontal-pod-autoscaler',
  'endpointslice',
  'serviceaccount',
  'namespace',
  'garbage-collector',
].map((name) => `${name}-controller`);

interface Outcome {
  readonly code: number;
  readonly output: string;
}

export interface Cluster {
  /** The folder of build.sh: programs, and crds. */
  readonly programs: string;
  /** Where all files of this cluster are. */
  readonly folder: string;
  /** For programs: the cluster's kubectl, and its address. */
  readonly environment: Readonly<Record<string, string>>;
  /** Output of kubectl; throws unless it exits with 0. `input` is its standard input. */
  readonly kubectl: (options: readonly string[], input?: string) => Promise<string>;
  /** The same, whatever the exit code. */
  readonly tryKubectl: (options: readonly string[], input?: string) => Promise<Outcome>;
  readonly getJson: (options: readonly string[]) => Promise<never>;
  /** Starts controller manager and scheduler. */
  readonly startControllers: () => void;
  /** Starts any program, which ends with the cluster, with a log in `folder`. */
  readonly start: (name: string, options: readonly string[]) => ChildProcess;
  readonly stop: () => Promise<void>;
}

const etcdUrl = 'http://127.0.0.1:2379';
const apiUrl = 'https://127.0.0.1:6443';

/** A kubeconfig for the administrator. kubectl reads JSON, too. */
function kubeconfig(certificate: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: apiUrl, 'certificate-authority': certificate } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  });
}

export async function startCluster(programs: string, folder: string): Promise<Cluster> {
  const children: ChildProcess[] = [];
  const file = (name: string) => join(folder, name);
  const environment = { PATH: `${programs}:${process.env.PATH}`, HOME: folder, KUBECONFIG: file('kubeconfig') };
  mkdirSync(file('logs'));

  const start = (name: string, options: readonly string[]): ChildProcess => {
    const log = openSync(file(`logs/${name}.log`), 'a');
    const child = spawn(join(programs, name), options, { env: environment, stdio: ['ignore', log, log] });
    children.push(child);
    return child;
  };
  const lastLines = () =>
    ['etcd', 'kube-apiserver']
      .map((name) => `${name}:\n${readFileSync(file(`logs/${name}.log`), 'utf8').slice(-2000)}`)
      .join('\n');

  const tryKubectl = async (options: readonly string[], input = ''): Promise<Outcome> => {
    const promise = execute(join(programs, 'kubectl'), options, { env: environment, maxBuffer: 2 ** 27 });
    promise.child.stdin?.end(input);
    return promise.then(
      ({ stdout, stderr }) => ({ code: 0, output: `${stdout}${stderr}` }),
      ({ code, stdout, stderr }) => ({ code, output: `${stdout}${stderr}` }),
    );
  };
  const kubectl = async (options: readonly string[], input?: string): Promise<string> => {
    const { code, output } = await tryKubectl(options, input);
    if (code !== 0) throw new Error(`kubectl ${options.join(' ')}: ${output}`);
    return output;
  };

  await execute('openssl', ['genrsa', '-out', file('service-accounts.key'), '2048']);
  const token = crypto.randomUUID();
  writeFileSync(file('tokens'), `${token},admin,admin,system:masters\n`);
  writeFileSync(file('kubeconfig'), kubeconfig(file('certificates/apiserver.crt'), token));
  start('etcd', [
    `--data-dir=${file('etcd')}`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    '--unsafe-no-fsync',
  ]);
  const server = start('kube-apiserver', [
    `--etcd-servers=${etcdUrl}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    '--endpoint-reconciler-type=none',
    `--cert-dir=${file('certificates')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${file('service-accounts.key')}`,
    `--service-account-signing-key-file=${file('service-accounts.key')}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    '--authorization-mode=RBAC',
    `--token-auth-file=${file('tokens')}`,
    // There is no kube-proxy: it reaches metrics.k8s.io by its endpoint.
    '--enable-aggregator-routing=true',
    '--profiling=false',
  ]);
  const ready = async () => {
    if (server.exitCode !== null) throw new Error(`The API server ended. ${lastLines()}`);
    return (await tryKubectl(['get', '--raw', '/readyz'])).output === 'ok';
  };
  await eventually('the API server is ready', ready).catch((error) => {
    throw new Error(`${error.message} ${lastLines()}`);
  });

  return {
    programs,
    folder,
    environment,
    kubectl,
    tryKubectl,
    getJson: async (options) => JSON.parse(await kubectl(['get', '--output=json', ...options])) as never,
    start,
    startControllers: () => {
      const options = [`--kubeconfig=${environment.KUBECONFIG}`, '--leader-elect=false', '--bind-address=127.0.0.1'];
      start('kube-controller-manager', [...options, `--controllers=${controllers}`]);
      start('kube-scheduler', options);
    },
    stop: async () => {
      // At once: told politely, the API server would wait for its etcd for ever.
      const living = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
      const ends = living.map((child) => once(child, 'exit'));
      for (const child of living) child.kill('SIGKILL');
      await Promise.all(ends);
    },
  };
}
