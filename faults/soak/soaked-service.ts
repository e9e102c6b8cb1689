/**
 * One service of a soak, with all that happens to it: its clients, its probes, the keys that change, and the workers
 * and processes that are lost. Only the clients with the steady key are counted strictly while keys change.
 */
import { processTree } from '../../bench/process-tree.js';
import { Bystander } from '../bystander.js';
import { writeKeys } from '../keys.js';
import { marks } from '../preload/marks.js';
import { drawBytes, smallBytes } from '../requests.js';
import { Service } from '../service.js';
import { every, pause } from '../time.js';
import { Clients } from './clients.js';
import { Outcomes } from './outcomes.js';
import { sampleProcesses } from './process-samples.js';
import type { SoakRecord } from './records.js';
import { mixOf, type SoakRequest } from './requests.js';
import { startRudeClients } from './rude-clients.js';

const keyPeriodMs = 45_000;
/** The file is read every 5 s, and twice; the rest is for a busy machine. */
const keyMsMax = 25_000;
const workerPeriodMs = 240_000;
/** Of a draw that a worker makes, not the HTTP thread. */
const workerDraw = { num_samples: 100, seed: 42, return: ['indices'] };
const probeMs = 50;

export interface SoakOptions {
  readonly processes: number;
  /** Requests a second, from now on. */
  readonly perSecond: () => number;
  readonly seed: number;
  /** From the start to each moment at which a process is killed, where there are several. */
  readonly killsMs: readonly number[];
}

export interface SoakedService {
  readonly name: string;
  /** Everything measured since the last time. */
  readonly sample: (minutes: number) => Promise<SoakRecord[]>;
  /** Waits for the replies under way, and says how the service ended. */
  readonly stop: (minutes: () => number) => Promise<SoakRecord[]>;
}

/** A draw with a key that is valid, or is not, or may be either while the service has not read the file yet. */
function keyRequest(name: string, headers: Readonly<Record<string, string>>, expected: readonly string[]): SoakRequest {
  return { name, bytes: drawBytes(3, {}, headers), expected, isRepeated: false };
}

export async function startSoaked(
  { processes, perSecond, seed, killsMs }: SoakOptions,
  firstReplies: Map<string, Buffer>,
  onFault: (service: string, fault: string) => void,
): Promise<SoakedService> {
  const name = `PROCESSES=${processes}`;
  // The queue is fair to callers, not to requests of one: the probe is a caller of its own.
  const lasting = ['steady', 'probe'];
  const keys = writeKeys(...lasting, 'changing-0');
  const steady = keys.headersOf('steady');
  const service = await Service.start({
    preload: 'worker-faults',
    environment: { ...keys.environment, PROCESSES: String(processes), WORKERS: String(processes) },
  });
  const { port } = service;
  const outcomes = new Outcomes(firstReplies);
  const clients = new Clients({ port, perSecond, seed, mix: mixOf(steady) }, outcomes);
  const stopRude = startRudeClients(port, steady, outcomes);
  const probes = {
    draw: await Bystander.start(port, drawBytes(10, { seed: 42 }, keys.headersOf('probe')), probeMs),
    livez: await Bystander.start(port, '/livez', probeMs),
  };

  let keyNumber = 0;
  const stopKeys = every(keyPeriodMs - keyMsMax, async () => {
    const [old, next] = [`changing-${keyNumber}`, `changing-${keyNumber + 1}`];
    keyNumber += 1;
    keys.replace(...lasting, next);
    const either = ['200', '401 unauthenticated'];
    await clients.askAlone(keyRequest('a key that was just removed', keys.headersOf(old), either));
    await pause(keyMsMax);
    await clients.askAlone(keyRequest('a key that was removed', keys.headersOf(old), ['401 unauthenticated']));
    await clients.askAlone(keyRequest('a key that was added', keys.headersOf(next), ['200']));
  });
  const stopLosses = every(workerPeriodMs, async () => {
    await pause(workerPeriodMs / 8);
    onFault(name, 'a worker throws');
    const bytes = drawBytes(marks.throws, workerDraw, steady);
    await clients.askAlone({ name: 'a lost worker', bytes, expected: ['503 worker-lost'], isRepeated: false });
  });
  const kills = (processes > 1 ? killsMs : []).map((afterMs) =>
    setTimeout(() => {
      // The oldest, so that each is killed once.
      const [oldest] = processTree(service.pid).slice(1);
      onFault(name, 'a process is killed');
      process.kill(oldest, 'SIGKILL');
    }, afterMs),
  );

  return {
    name,
    sample: async (minutes) => {
      const probed = Object.entries(probes).map(async ([probe, bystander]) => {
        const { count, lost, p50Ms, p99Ms } = await bystander.take();
        return { kind: 'probe' as const, minutes, service: name, probe, count, lost, p50Ms, p99Ms };
      });
      return [
        ...(await sampleProcesses(name, service, minutes)),
        ...(await Promise.all(probed)),
        { kind: 'outcomes', minutes, service: name, ...outcomes.take() },
      ];
    },
    stop: async (minutes) => {
      for (const kill of kills) clearTimeout(kill);
      await Promise.all([stopKeys(), stopLosses(), stopRude(), clients.stop()]);
      await Promise.all(Object.values(probes).map((probe) => probe.stop()));
      const [code, signal] = await service.stop();
      keys.remove();
      return [
        { kind: 'outcomes', minutes: minutes(), service: name, ...outcomes.take() },
        { kind: 'end', minutes: minutes(), service: name, exit: String(code ?? signal) },
      ];
    },
  };
}

/** The bare echo, asked by the same probe: what it shows is the machine, and the client. */
export function probeEcho(port: number): Promise<Bystander> {
  return Bystander.start(port, smallBytes(), probeMs);
}
