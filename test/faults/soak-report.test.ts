/** What the report of a soak finds in its records: each limit, broken once. */
import t from 'tap';
import type { SoakRecord } from '../../faults/soak/records.js';
import { reportOf } from '../../faults/soak/report.js';

const service = 'PROCESSES=2';
const run = {
  command: 'npm run test:soak',
  date: '2026-11-27 00:00',
  commit: 'abc',
  node: '20.20.2',
  onnxruntimeNode: '1.30.0',
  fastify: '5.0.0',
  cpu: 'a CPU',
  cores: 2,
  memoryGiB: 24,
  system: 'linux x64',
  loadAverage: 0,
};

type Change = (record: SoakRecord) => SoakRecord | SoakRecord[];

const flat = { heapMiB: 30, externalMiB: 40, descriptors: 30, threads: 12 };

/** An hour in which nothing rises, a record of each kind a minute. */
function soakOf(change: Change = (record) => record): SoakRecord[] {
  const minute = (minutes: number): SoakRecord[] => [
    { kind: 'process', minutes, service, pid: 1, process: '1', residentMiB: 200, ...flat },
    { kind: 'probe', minutes, service: 'echo', probe: 'echo', count: 200, lost: 0, p50Ms: 1, p99Ms: 4 },
    { kind: 'probe', minutes, service, probe: 'draw', count: 200, lost: 0, p50Ms: 2, p99Ms: 8 },
    { kind: 'outcomes', minutes, service, right: 3600, refused: 0, lost: {}, wrong: {} },
  ];
  const records = Array.from({ length: 60 }, (_, minutes) => minute(minutes)).flat();
  const end: SoakRecord = { kind: 'end', minutes: 60, service, exit: '0' };
  return [{ kind: 'run', run, minutes: 60, warmUpMinutes: 15 }, ...[...records, end].flatMap(change)];
}

const lostAt = (minute: number): Change => {
  return (record) =>
    record.kind === 'outcomes' && record.minutes === minute ? { ...record, lost: { 'a draw: ECONNRESET': 2 } } : record;
};
const killedAt = (minutes: number): SoakRecord => ({ kind: 'fault', minutes, service, fault: 'a process is killed' });

t.test('nothing rises', async (t) => {
  const { text, failures } = reportOf(soakOf());
  t.same(failures, []);
  t.match(text, /\| PROCESSES=2 \| 216000 \| 0 \| 0 \| 0 \| 0 \| 0 \| 0 \|/);
});

t.test('what must rise by no more than a limit', async (t) => {
  const rising = (change: (minutes: number) => object): Change => {
    return (record) => (record.kind === 'process' ? ({ ...record, ...change(record.minutes) } as SoakRecord) : record);
  };
  const failuresOf = (change: Change) => reportOf(soakOf(change)).failures;
  t.same(failuresOf(rising((minutes) => ({ residentMiB: 200 + (0.9 * minutes) / 60 }))), []);
  t.match(failuresOf(rising((minutes) => ({ residentMiB: 200 + minutes / 60 }))), [
    /resident memory in MB rises by 1\.05 an hour, at most 1/,
  ]);
  t.same(failuresOf(rising((minutes) => ({ residentMiB: 200 + 100 * Math.min(1, minutes / 15) }))), [], 'a warm-up');
  t.match(failuresOf(rising((minutes) => ({ descriptors: 30 + Math.floor(minutes / 20) }))), [/descriptors rises/]);
  t.match(failuresOf(rising((minutes) => ({ threads: 12 + Math.floor(minutes / 20) }))), [/threads rises/]);
  t.match(failuresOf(rising((minutes) => ({ pid: minutes < 40 ? 1 : 2 }))), [/was replaced after the warm-up/]);
});

t.test('a service whose processes were not measured is not held to have passed', async (t) => {
  const unmeasured = soakOf((record) => (record.kind === 'process' ? [] : record));
  t.match(reportOf(unmeasured).failures, [/PROCESSES=2: no process was measured/]);
});

t.test('the processes of a service are judged by their sum', async (t) => {
  const both = (residentMiB: (pid: number, minutes: number) => number) =>
    reportOf(
      soakOf((record) =>
        record.kind === 'process'
          ? [1, 2].map((pid) => ({
              ...record,
              pid,
              process: String(pid),
              residentMiB: residentMiB(pid, record.minutes),
            }))
          : record,
      ),
    );
  const moved = both((pid, minutes) => 200 + (pid === 1 ? minutes : 60 - minutes));
  t.same(moved.failures, [], 'what one loses, the other gains');
  t.match(moved.text, /PROCESSES=2 \| 1 \|.*\n.*PROCESSES=2 \| 2 \|.*\n.*PROCESSES=2 \| all \|/);
  t.match(both((_, minutes) => 200 + minutes / 60).failures, [/, all: resident memory in MB rises by 2\.10 an hour/]);
});

t.test('the p99 of a probe is compared with that of the echo', async (t) => {
  const slower = (services: readonly string[]): Change => {
    return (record) =>
      record.kind === 'probe' && services.includes(record.service)
        ? { ...record, p99Ms: record.p99Ms * (1 + record.minutes / 60) }
        : record;
  };
  t.match(reportOf(soakOf(slower([service]))).failures, [
    /draw: p99 rises by 6\d\.\d % an hour, by 6\d\.\d % beside that of the echo/,
  ]);
  t.same(reportOf(soakOf(slower([service, 'echo']))).failures, [], 'the machine became slower');
});

t.test('what was lost must be explained by a process that was killed', async (t) => {
  const withKill = (minutes: number) => [...soakOf(lostAt(20)), killedAt(minutes)];
  t.match(reportOf(soakOf(lostAt(20))).failures, [/minute 20\.0: 2 x a draw: ECONNRESET/]);
  t.same(reportOf(withKill(19.9)).failures, []);
  t.match(reportOf(withKill(20.1)).failures, [/ECONNRESET/], 'before it was killed');
  t.match(reportOf(withKill(19)).failures, [/ECONNRESET/], 'long after');
  const other = { ...killedAt(19.9), service: 'PROCESSES=1' } as SoakRecord;
  t.match(reportOf([...soakOf(lostAt(20)), other]).failures, [/ECONNRESET/], 'another service');
});

t.test('a service whose only worker was lost is not ready', async (t) => {
  const unready = (what: string) =>
    soakOf((record) =>
      record.kind === 'outcomes' && record.minutes === 20 ? { ...record, wrong: { [what]: 1 } } : record,
    );
  const lost: SoakRecord = { kind: 'fault', minutes: 19.8, service, fault: 'a worker throws' };
  t.match(reportOf(unready('GET /readyz: 503 starting')).failures, [/503 starting/]);
  t.same(reportOf([...unready('GET /readyz: 503 starting'), lost]).failures, []);
  t.match(reportOf([...unready('a draw: 500 internal'), lost]).failures, [/500 internal/]);
});

t.test('another warm-up leaves out more', async (t) => {
  const late = soakOf((record) =>
    record.kind === 'process' ? { ...record, residentMiB: 200 + Math.min(30, record.minutes) } : record,
  );
  t.equal(reportOf(late, 1).failures.length, 1);
  t.same(reportOf(late, 30).failures, []);
});

t.test('wrong replies, refusals, probes without an answer and another exit code', async (t) => {
  const failuresOf = (kind: SoakRecord['kind'], change: object) =>
    reportOf(soakOf((record) => (record.kind === kind ? ({ ...record, ...change } as SoakRecord) : record))).failures;
  t.equal(failuresOf('outcomes', { wrong: { 'a draw: 500 internal': 1 } }).length, 60);
  t.match(failuresOf('outcomes', { refused: 40 }), [/2400 requests were refused/]);
  t.same(failuresOf('outcomes', { refused: 36 }), []);
  t.equal(failuresOf('probe', { lost: 1 }).filter((each) => each.includes('draw')).length, 60);
  t.match(failuresOf('end', { exit: 'SIGKILL' }), [/ended with SIGKILL/]);
  t.match(reportOf(soakOf((record) => (record.kind === 'end' ? [] : record))).failures, [/ended with -/]);
});

t.test('a file of something else is refused', async (t) => {
  t.throws(() => reportOf([]), /does not begin with what was run/);
});
