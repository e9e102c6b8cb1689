/**
 * The network of the test: loopback of its own, in which every address of the pods is local, so that each pod listens
 * on its own address as in a cluster. Nothing outside reaches it, and nothing inside reaches out.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The API server refuses loopback addresses for pods. */
const podNetwork = '10.244.0.0/16';

/** Of the pods: the n-th has the n-th address. */
export const podAddress = (n: number) => `10.244.${n >> 8}.${n & 255}`;

/** Of the ingress controller, and of what serves metrics.k8s.io. */
export const ingressAddress = '10.244.255.10';
export const metricsAddress = '10.244.255.20';

/** Needs namespaces of its own (run.ts), as it changes addresses and /etc/hosts. `names` lead to the controller. */
export function openNetwork(folder: string, names: readonly string[]): void {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  execFileSync('ip', ['route', 'add', 'local', podNetwork, 'dev', 'lo']);
  const hosts = join(folder, 'hosts');
  writeFileSync(hosts, ['127.0.0.1 localhost', ...names.map((name) => `${ingressAddress} ${name}`), ''].join('\n'));
  execFileSync('mount', ['--bind', hosts, '/etc/hosts']);
}
