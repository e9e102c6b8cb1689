/** Memory of processes as /proc shows it, so on Linux only. */
import { readFileSync } from 'node:fs';

/** Resident memory, now and at its peak, in MiB. */
export function memoryMiB(pid: number): { readonly residentMiB: number; readonly peakMiB: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
  return { residentMiB: of('VmRSS'), peakMiB: of('VmHWM') };
}

/**
 * Memory of several processes in MiB. A page that several of them share counts once: each process has its proportional
 * share of it (Pss).
 */
export function sharedMemoryMiB(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return sum + Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1]) / 1024;
  }, 0);
}
