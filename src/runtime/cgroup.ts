/**
 * The limits of the control group that this process runs in, as containers have them. `os.availableParallelism` knows
 * CPU affinity, but the quota of a cgroup only from Node.js 24 on, and drops one below a whole CPU
 * (https://github.com/nodejs/node/issues/59200).
 */
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';

export interface CgroupLimits {
  /** CPUs, perhaps a fraction; infinite where there is no quota. */
  readonly cpus: number;
  /** Infinite where there is no limit. */
  readonly memoryBytes: number;
}

/** cgroup v1 has "no limit" as the largest multiple of a page below 2^63. */
const unlimitedBytesMin = 2 ** 60;

/** @param root where the file systems are; a test gives a folder */
export function cgroupLimits(root = '/'): CgroupLimits {
  const limits = { cpus: Number.POSITIVE_INFINITY, memoryBytes: Number.POSITIVE_INFINITY };
  const limitTo = (cpus: number, memoryBytes: number) => {
    if (cpus > 0) limits.cpus = Math.min(limits.cpus, cpus);
    if (memoryBytes > 0 && memoryBytes < unlimitedBytesMin) {
      limits.memoryBytes = Math.min(limits.memoryBytes, memoryBytes);
    }
  };
  for (const line of textOf(root, 'proc/self/cgroup').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    const mount = posix.join('sys/fs/cgroup', controllers);
    for (const folder of foldersOf(mount, path)) {
      if (controllers === '') {
        const [quota, period] = numbersOf(root, folder, 'cpu.max');
        limitTo(ratio(quota, period), numbersOf(root, folder, 'memory.max')[0] ?? Number.NaN);
      } else if (controllers.split(',').includes('cpu')) {
        const [quota] = numbersOf(root, folder, 'cpu.cfs_quota_us');
        limitTo(ratio(quota, numbersOf(root, folder, 'cpu.cfs_period_us')[0]), Number.NaN);
      } else if (controllers === 'memory') {
        limitTo(Number.NaN, numbersOf(root, folder, 'memory.limit_in_bytes')[0] ?? Number.NaN);
      }
    }
  }
  return limits;
}

function ratio(quota = Number.NaN, period = Number.NaN): number {
  return quota / period;
}

/** The folder of a group and those above it, all of whose limits hold. Inside a container the path may lead nowhere. */
function foldersOf(mount: string, path: string): string[] {
  const names = posix.normalize(path).split('/').filter(Boolean);
  return Array.from({ length: names.length + 1 }, (_, depth) => posix.join(mount, ...names.slice(0, depth)));
}

/** The words of a file as numbers: NaN for `max`, none where there is no such file. */
function numbersOf(root: string, folder: string, name: string): number[] {
  const text = textOf(root, posix.join(folder, name)).trim();
  return text === '' ? [] : text.split(/\s+/).map(Number);
}

function textOf(root: string, path: string): string {
  try {
    return readFileSync(posix.join(root, path), 'latin1');
  } catch {
    return '';
  }
}
