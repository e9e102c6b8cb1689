/** The processes that a target consists of, and their CPU time, as /proc shows them, so on Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

/** Fields of proc_pid_stat(5), from field 3 on: the name, field 2, may hold spaces but ends at the last parenthesis. */
function statOf(path: number | string): string[] {
  const stat = readFileSync(`/proc/${path}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** A tick is 10 ms on every system that Node.js runs on. */
const msPerTick = 10;
const ticks = (fields: readonly string[], first: number) => Number(fields[first]) + Number(fields[first + 1]);

/** A process and all that it has started and they have; only itself where there is no /proc. */
export function processTree(pid: number): number[] {
  if (process.platform !== 'linux') return [pid];
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const parent = Number(statOf(Number(name))[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It has ended since the folder was listed.
    }
  }
  const below = (parent: number): number[] => [parent, ...(children.get(parent) ?? []).flatMap(below)];
  return below(pid);
}

/** CPU time of processes so far, all their threads, in milliseconds; undefined where there is no /proc. */
export function cpuMs(pids: readonly number[]): number | undefined {
  if (process.platform !== 'linux') return undefined;
  return pids.reduce((sum, pid) => sum + ticks(statOf(pid), 11) * msPerTick, 0);
}

/** CPU time of the main threads alone: those that read requests and write replies. */
export function mainThreadsCpuMs(pids: readonly number[]): number | undefined {
  if (process.platform !== 'linux') return undefined;
  return pids.reduce((sum, pid) => sum + ticks(statOf(`${pid}/task/${pid}`), 11) * msPerTick, 0);
}

/** CPU time of the processes that this one has started and that have ended. */
export function endedChildrenCpuMs(): number | undefined {
  return process.platform === 'linux' ? ticks(statOf('self'), 13) * msPerTick : undefined;
}
