/** What a soak has shown, from its records: what rises how fast, what was lost, and which limits do not hold. */
import { runLines, table } from '../../bench/results.js';
import type { OutcomeRecord, ProbeRecord, ProcessRecord, SoakRecord } from './records.js';
import { type Trend, trendOf } from './trend.js';

/** Rises an hour. */
const residentMbMax = 1;
const descriptorsMax = 1;
const threadsMax = 0.5;
/**
 * Of the p99 of a probe, in parts of itself, alone and beside that of the echo in the same window: what both do is the
 * machine's doing.
 */
const p99ShareMax = 0.2;
/** Replies that say that the service, or the machine, had too much to do. */
const refusedShareMax = 0.01;
/** What a fault costs is noticed within a window and this. */
const faultMinutes = 0.5;

const mbPerMiB = 1.048576;

type Kind<Name extends SoakRecord['kind']> = Extract<SoakRecord, { kind: Name }>;

function allOf<Name extends SoakRecord['kind']>(records: readonly SoakRecord[], kind: Name): Kind<Name>[] {
  return records.filter((record): record is Kind<Name> => record.kind === kind);
}

function groups<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const all = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = all.get(key);
    if (group) group.push(item);
    else all.set(key, [item]);
  }
  return all;
}

const digits = (value: number | undefined, count = 2) => (value === undefined ? '-' : value.toFixed(count));

interface Part {
  readonly lines: readonly string[];
  readonly failures: readonly string[];
}

/** What all processes of a service hold together, at each sample that has all of them. */
function totalsOf(records: readonly ProcessRecord[]): ProcessRecord[] {
  const samples = [...groups(records, ({ minutes }) => String(minutes)).values()];
  const processes = Math.max(...samples.map(({ length }) => length));
  return samples
    .filter(({ length }) => length === processes)
    .map((all) => {
      const sum = (pick: (record: ProcessRecord) => number | undefined) =>
        all.reduce<number | undefined>((total, record) => {
          const value = pick(record);
          return total === undefined || value === undefined ? undefined : total + value;
        }, 0);
      return {
        ...all[0],
        process: 'all',
        residentMiB: sum(({ residentMiB }) => residentMiB) ?? 0,
        heapMiB: sum(({ heapMiB }) => heapMiB),
        externalMiB: sum(({ externalMiB }) => externalMiB),
        descriptors: sum(({ descriptors }) => descriptors) ?? 0,
        threads: sum(({ threads }) => threads) ?? 0,
      };
    });
}

/**
 * Limits are those of a service as a whole: connections, and what they hold, move from one of its processes to another.
 * A slow rise in one process can hide behind a fall in another, so each is shown.
 */
function processesPart(records: readonly ProcessRecord[]): Part {
  const failures: string[] = [];
  const services = [...groups(records, ({ service }) => service).values()];
  const all = services.flatMap((own) => {
    const processes = [...groups(own, ({ pid }) => String(pid)).values()];
    const parts = processes.map((records) => ({ records, isWhole: processes.length === 1 }));
    return processes.length === 1 ? parts : [...parts, { records: totalsOf(own), isWhole: true }];
  });
  const rows = all.map(({ records: own, isWhole }) => {
    const [{ service, process }] = own;
    const trend = (pick: (record: ProcessRecord) => number | undefined): Trend | undefined =>
      trendOf(own.flatMap((record) => ({ minutes: record.minutes, value: pick(record) ?? [] })).filter(isPoint));
    const resident = trend(({ residentMiB }) => residentMiB * mbPerMiB);
    const heap = trend(({ heapMiB }) => heapMiB && heapMiB * mbPerMiB);
    const external = trend(({ externalMiB }) => externalMiB && externalMiB * mbPerMiB);
    const descriptors = trend((record) => record.descriptors);
    const threads = trend((record) => record.threads);
    const name = `${service}, ${process}`;
    const check = (what: string, rise: Trend | undefined, most: number) => {
      if (!isWhole) return;
      if (rise === undefined) failures.push(`${name}: ${what} was measured for less than three minutes`);
      else if (rise.slope > most)
        failures.push(`${name}: ${what} rises by ${digits(rise.slope)} an hour, at most ${most}`);
    };
    check('resident memory in MB', resident, residentMbMax);
    check('descriptors', descriptors, descriptorsMax);
    check('threads', threads, threadsMax);
    return [
      service,
      process,
      digits(resident?.first, 1),
      digits(resident?.last, 1),
      digits(resident?.slope),
      digits(heap?.slope),
      digits(external?.slope),
      digits(descriptors?.middle, 0),
      digits(descriptors?.slope),
      digits(threads?.middle, 0),
      digits(threads?.slope),
    ];
  });
  const headers = [
    'service',
    'process',
    'resident MB, first',
    'last',
    'an hour',
    'heap MB, an hour',
    'external MB, an hour',
    'descriptors',
    'an hour',
    'threads',
    'an hour',
  ];
  return { lines: [table(headers, rows, 2)], failures };
}

function isPoint(point: { minutes: number; value: number | never[] }): point is { minutes: number; value: number } {
  return typeof point.value === 'number';
}

function probesPart(records: readonly ProbeRecord[]): Part {
  const failures: string[] = [];
  const trend = (own: readonly ProbeRecord[], pick: (record: ProbeRecord) => number | undefined) =>
    trendOf(own.map((record) => ({ minutes: record.minutes, value: pick(record) ?? [] })).filter(isPoint));
  const share = (rise: Trend | undefined) => rise && rise.slope / rise.middle;
  const percent = (value: number | undefined) => digits(value === undefined ? undefined : 100 * value, 1);
  const answered = records.filter(({ count }) => count > 0);
  const echoMs = new Map(
    answered.flatMap(({ service, minutes, p99Ms }) => (service === 'echo' ? [[minutes, p99Ms]] : [])),
  );
  const rows = [...groups(answered, ({ service, probe }) => `${service} ${probe}`).values()].map((own) => {
    const [{ service, probe }] = own;
    const p50 = trend(own, ({ p50Ms }) => p50Ms);
    const p99 = trend(own, ({ p99Ms }) => p99Ms);
    const ratio = trend(own, ({ minutes, p99Ms }) => {
      const echo = echoMs.get(minutes);
      return echo && p99Ms / echo;
    });
    const [rise, ratioRise] = [share(p99), share(ratio)];
    const name = `${service}, ${probe}`;
    if (rise === undefined || ratioRise === undefined) failures.push(`${name}: measured for less than three minutes`);
    else if (Math.min(rise, ratioRise) > p99ShareMax) {
      failures.push(
        `${name}: p99 rises by ${percent(rise)} % an hour, by ${percent(ratioRise)} % beside that of the echo`,
      );
    }
    const count = own.reduce((sum, record) => sum + record.count, 0);
    const p50Cells = [digits(p50?.middle), percent(share(p50))];
    const p99Cells = [digits(p99?.first), digits(p99?.last), digits(p99?.middle), percent(rise)];
    return [service, probe, String(count), ...p50Cells, ...p99Cells, digits(ratio?.middle), percent(ratioRise)];
  });
  const headers = [
    'service',
    'probe',
    'answered',
    'p50 ms',
    '% an hour',
    'p99 ms, first',
    'last',
    'middle',
    '% an hour',
    'p99 / that of the echo',
    '% an hour',
  ];
  return { lines: [table(headers, rows, 2)], failures };
}

function outcomesPart(records: readonly SoakRecord[]): Part {
  const failures: string[] = [];
  const faults = allOf(records, 'fault');
  const isAfterFault = (fault: string, service: string, minutes: number) =>
    faults.some((one) => {
      const since = minutes - one.minutes;
      return one.service === service && one.fault === fault && since >= 0 && since <= faultMinutes;
    });
  /** A service of one worker is not ready until that is replaced. */
  const isUnready = (what: string, service: string, minutes: number) =>
    what.endsWith(': 503 starting') && isAfterFault('a worker throws', service, minutes);
  const rows = [...groups(allOf(records, 'outcomes'), ({ service }) => service)].map(([service, own]) => {
    const sum = (pick: (record: OutcomeRecord) => number) => own.reduce((total, record) => total + pick(record), 0);
    const countOf = (counts: Readonly<Record<string, number>>) =>
      Object.values(counts).reduce((total, count) => total + count, 0);
    const probes = allOf(records, 'probe').filter((record) => record.service === service);
    for (const { minutes, lost, wrong } of own) {
      const isKilled = isAfterFault('a process is killed', service, minutes);
      for (const [what, count] of Object.entries({ ...(isKilled ? {} : lost), ...wrong })) {
        if (isUnready(what, service, minutes)) continue;
        failures.push(`${service}, minute ${digits(minutes, 1)}: ${count} x ${what}`);
      }
    }
    for (const { minutes, probe, lost } of probes) {
      if (lost > 0 && !isAfterFault('a process is killed', service, minutes)) {
        failures.push(
          `${service}, minute ${digits(minutes, 1)}: ${lost} probes of ${probe} were not answered with 200`,
        );
      }
    }
    const right = sum((record) => record.right);
    const refused = sum((record) => record.refused);
    const lost = sum((record) => countOf(record.lost)) + probes.reduce((total, probe) => total + probe.lost, 0);
    const wrong = sum((record) => countOf(record.wrong));
    if (refused > refusedShareMax * right) failures.push(`${service}: ${refused} requests were refused, of ${right}`);
    const faultsOf = (name: string) => faults.filter((one) => one.service === service && one.fault === name).length;
    const [exit = '-'] = allOf(records, 'end').flatMap((end) => (end.service === service ? end.exit : []));
    if (exit !== '0') failures.push(`${service}: ended with ${exit}`);
    const injected = [faultsOf('a worker throws'), faultsOf('a process is killed')];
    return [service, ...[right, refused, lost, wrong, ...injected].map(String), exit];
  });
  const headers = ['service', 'right', 'refused', 'lost', 'wrong', 'workers lost', 'processes killed', 'exit code'];
  return { lines: [table(headers, rows)], failures };
}

/** Processes that were there at the end of the warm-up are those that are there at the end. */
function livesPart(records: readonly ProcessRecord[]): Part {
  const failures: string[] = [];
  for (const [service, own] of groups(records, (record) => record.service)) {
    const pidsAt = (minutes: number | undefined) =>
      own
        .filter((record) => record.minutes === minutes)
        .map(({ pid }) => pid)
        .sort()
        .join();
    if (pidsAt(own[0]?.minutes) !== pidsAt(own.at(-1)?.minutes)) {
      failures.push(`${service}: a process was replaced after the warm-up`);
    }
  }
  return { lines: [], failures };
}

/** Every service that was driven was measured after the warm-up: what is not measured breaks no limit. */
function measuredPart(records: readonly SoakRecord[], processes: readonly ProcessRecord[]): Part {
  const driven = new Set(allOf(records, 'outcomes').map(({ service }) => service));
  const measured = new Set(processes.map(({ service }) => service));
  const missing = [...driven].filter((service) => !measured.has(service));
  return { lines: [], failures: missing.map((service) => `${service}: no process was measured after the warm-up`) };
}

/** @param warmUp minutes that the slopes leave out, instead of those that the run was started with */
export function reportOf(
  records: readonly SoakRecord[],
  warmUp?: number,
): { readonly text: string; readonly failures: string[] } {
  const [start] = allOf(records, 'run');
  if (!start) throw new Error('The file does not begin with what was run: it is not one of npm run test:soak');
  const { run, minutes } = start;
  const warmUpMinutes = warmUp ?? start.warmUpMinutes;
  const isAfter = (record: { readonly minutes: number }) => record.minutes > warmUpMinutes;
  const processes = allOf(records, 'process').filter(isAfter);
  const parts = [
    processesPart(processes),
    livesPart(processes),
    measuredPart(records, processes),
    probesPart(allOf(records, 'probe').filter(isAfter)),
    outcomesPart(records),
  ];
  const head = `${runLines(run)}\n${minutes} minutes; the slopes leave out the first ${warmUpMinutes}.`;
  return {
    text: [head, ...parts.flatMap(({ lines }) => lines)].join('\n\n'),
    failures: parts.flatMap(({ failures }) => failures),
  };
}
