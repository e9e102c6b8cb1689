/** The probes of a container, as the kubelet asks them: by HTTP from the node, each with its period and thresholds. */
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Container, Probe } from 'kubernetes-types/core/v1.js';

/** What probes find out. */
export interface Findings {
  readonly started: () => void;
  readonly ready: (is: boolean) => void;
  /** The startup or liveness probe has failed as often as it may. */
  readonly dead: () => void;
}

function ask(address: string, { ports }: Container, { httpGet, timeoutSeconds = 1 }: Probe): Promise<boolean> {
  const named = ports?.find(({ name }) => name === httpGet?.port)?.containerPort;
  const options = { host: address, port: named ?? httpGet?.port, path: httpGet?.path, timeout: timeoutSeconds * 1000 };
  return new Promise((resolve) => {
    const request = get({ ...options, agent: false }, (response) => {
      response.resume();
      resolve(Number(response.statusCode) >= 200 && Number(response.statusCode) < 400);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
    request.on('close', () => resolve(false));
  });
}

/** Asks until `signal` aborts: the startup probe until it succeeds, then the two others. */
export function runProbes(address: string, container: Container, tell: Findings, signal: AbortSignal): void {
  /** `heard` is told of each answer, and whether the threshold of failures is reached; true ends the probe. */
  const repeat = async (probe: Probe | undefined, heard: (ok: boolean, failed: boolean) => boolean) => {
    if (probe === undefined) return;
    for (let failures = 0; !signal.aborted; ) {
      const ok = await ask(address, container, probe);
      failures = ok ? 0 : failures + 1;
      if (signal.aborted || heard(ok, failures >= (probe.failureThreshold ?? 3))) return;
      await sleep((probe.periodSeconds ?? 10) * 1000, undefined, { signal }).catch(() => {});
    }
  };
  const dies = (ok: boolean, failed: boolean) => {
    if (failed) tell.dead();
    return failed && !ok;
  };
  repeat(container.startupProbe, (ok, failed) => {
    if (!ok) return dies(ok, failed);
    tell.started();
    repeat(container.readinessProbe, (ok, failed) => {
      if (ok || failed) tell.ready(ok);
      return false;
    });
    repeat(container.livenessProbe, dies);
    return true;
  });
}
