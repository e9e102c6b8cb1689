/** Memory of a process as /proc shows it, so on Linux only. */
import { readFileSync } from 'node:fs';

/** Resident memory, now and at its peak, in MiB. */
export function memoryMiB(pid: number): { readonly residentMiB: number; readonly peakMiB: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
  return { residentMiB: of('VmRSS'), peakMiB: of('VmHWM') };
}
