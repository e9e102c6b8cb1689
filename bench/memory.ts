/** Memory of processes as /proc shows it, so on Linux only. */
import { readFileSync } from 'node:fs';

/** A field of proc_pid_status(5), in MiB. */
function statusMiB(pid: number): (name: string) => number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
}

/** Resident memory, now and at its peak, in MiB. */
export function memoryMiB(pid: number): { readonly residentMiB: number; readonly peakMiB: number } {
  const of = statusMiB(pid);
  return { residentMiB: of('VmRSS'), peakMiB: of('VmHWM') };
}

/**
 * Resident memory of processes of one program in MiB, pages of files counted once: they map the same ones. Their
 * proportional shares (Pss) would not do, since other processes of the same Node.js have shares too.
 */
export function togetherMiB(pids: readonly number[]): number {
  const all = pids.map(statusMiB);
  const own = all.reduce((sum, of) => sum + of('RssAnon') + of('RssShmem'), 0);
  return own + Math.max(...all.map((of) => of('RssFile')));
}
