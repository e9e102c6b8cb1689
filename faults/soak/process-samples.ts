/** What can be seen of the processes of a service: memory, descriptors and threads by /proc, heap by /metrics. */
import { readdirSync, readFileSync } from 'node:fs';
import { memoryMiB } from '../../bench/memory.js';
import { processTree } from '../../bench/process-tree.js';
import { getBytes } from '../requests.js';
import type { Service } from '../service.js';
import type { ProcessRecord } from './records.js';

const mib = 2 ** 20;

/** The values of a gauge by the label `process`, which a service of one process does not have. */
function gaugesOf(metrics: string, name: string): Map<string, number> {
  const lines = metrics.matchAll(new RegExp(`^${name}(?:\\{process="([^"]*)"\\})? (\\S+)$`, 'gm'));
  return new Map([...lines].map(([, process = 'only', value]) => [process, Number(value)]));
}

/** As the label `process` names it: its number, which stands among its arguments; or `primary`, or `only`. */
function processName(pid: number, isAlone: boolean): string {
  const number = /--process=(\d+)/.exec(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))?.[1];
  return number ?? (isAlone ? 'only' : 'primary');
}

/** A sample of each process; one that ends meanwhile is left out. */
export async function sampleProcesses(name: string, service: Service, minutes: number): Promise<ProcessRecord[]> {
  // A process that is killed may take the reply along.
  const reply = await service.ask(getBytes('/metrics')).catch(() => undefined);
  const metrics = reply?.body.toString() ?? '';
  const heap = gaugesOf(metrics, 'nodejs_heap_size_used_bytes');
  const external = gaugesOf(metrics, 'nodejs_external_memory_bytes');
  const inMiB = (bytes: number | undefined) => (bytes === undefined ? undefined : bytes / mib);
  const pids = processTree(service.pid);
  return pids.flatMap((pid) => {
    try {
      const process = processName(pid, pids.length === 1);
      return {
        kind: 'process' as const,
        minutes,
        service: name,
        pid,
        process,
        residentMiB: memoryMiB(pid).residentMiB,
        heapMiB: inMiB(heap.get(process)),
        externalMiB: inMiB(external.get(process)),
        descriptors: readdirSync(`/proc/${pid}/fd`).length,
        threads: readdirSync(`/proc/${pid}/task`).length,
      };
    } catch {
      return [];
    }
  });
}
