/**
 * The limits of this process's cgroup, as containers set them. `os.availableParallelism` respects CPU affinity. It
 * respects the quota of a cgroup only from Node.js 24 on (https://github.com/libuv/libuv/issues/4146), and ignores one
 * below a whole CPU (https://github.com/nodejs/node/issues/59200). Can go when every supported Node.js respects both.
 */
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';

export interface CgroupLimits {
  /** CPUs, maybe a fraction; infinite without a quota. */
  readonly cpus: number;
  /** Infinite without a limit. */
  readonly memoryBytes: number;
}

/** cgroup v1 states no limit as the largest multiple of a page below 2^63. */
const unlimitedBytesMin = 2 ** 60;

/** @param root the folder of /proc and /sys; tests use one of their own */
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

/** The folders of a group and of its ancestors, whose limits hold too. In a container some may not exist. */
function foldersOf(mount: string, path: string): string[] {
  const names = posix.normalize(path).split('/').filter(Boolean);
  return Array.from({ length: names.length + 1 }, (_, depth) => posix.join(mount, ...names.slice(0, depth)));
}

/** The words of a file as numbers: NaN for `max`, none if the file does not exist. */
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
