/** Limits of control groups, read from folders that look like /proc and /sys of a container. */
import t from 'tap';
import { cgroupLimits } from '../../src/runtime/cgroup.js';

type FixtureDir = NonNullable<Parameters<typeof t.testdir>[0]>;

const none = { cpus: Number.POSITIVE_INFINITY, memoryBytes: Number.POSITIVE_INFINITY };

function root(group: string, cgroup: FixtureDir): string {
  return t.testdir({ proc: { self: { cgroup: group } }, sys: { fs: { cgroup } } });
}

t.test('without limits, or without control groups, there are none', async (t) => {
  t.same(cgroupLimits(t.testdir({})), none);
  t.same(cgroupLimits(root('0::/\n', {})), none);
  t.same(cgroupLimits(root('0::/\n', { 'cpu.max': 'max 100000\n', 'memory.max': 'max\n' })), none);
  t.same(cgroupLimits(root('', { 'cpu.max': '100000 100000\n' })), none, 'no group is named');
});

t.test('cgroup v2: the quota and the memory of a container', async (t) => {
  const limits = { 'cpu.max': '250000 100000\n', 'memory.max': '2147483648\n' };
  t.same(cgroupLimits(root('0::/\n', limits)), { cpus: 2.5, memoryBytes: 2 ** 31 });
});

t.test('cgroup v2: the strictest of a group and those above it', async (t) => {
  const inner = { 'cpu.max': '400000 100000\n', 'memory.max': 'max\n' };
  const middle = { 'cpu.max': '150000 50000\n', 'memory.max': '1073741824\n', inner };
  const outer = { 'cpu.max': 'max 100000\n', 'memory.max': '4294967296\n', middle };
  t.same(cgroupLimits(root('0::/outer/middle/inner\n', { outer })), { cpus: 3, memoryBytes: 2 ** 30 });
  t.same(cgroupLimits(root('0::/../elsewhere\n', { 'cpu.max': '100000 100000\n' })), { ...none, cpus: 1 });
});

t.test('cgroup v1: each controller has a hierarchy of its own', async (t) => {
  const groups = '12:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n';
  const cpu = { 'cpu.cfs_quota_us': '600000\n', 'cpu.cfs_period_us': '100000\n' };
  const limits = { memory: { 'memory.limit_in_bytes': '536870912\n' }, 'cpu,cpuacct': cpu };
  t.same(cgroupLimits(root(groups, limits)), { cpus: 6, memoryBytes: 2 ** 29 });
  const unlimited = {
    memory: { 'memory.limit_in_bytes': '9223372036854771712\n' },
    'cpu,cpuacct': { ...cpu, 'cpu.cfs_quota_us': '-1\n' },
  };
  t.same(cgroupLimits(root(groups, unlimited)), none);
});
