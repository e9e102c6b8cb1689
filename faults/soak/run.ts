/**
 * `npm run test:soak`: hours of mixed load on the built service, one process and several at the same time, while
 * clients come and go, workers are lost, keys change and, early on, a process is killed. Every ten seconds it notes
 * what the processes hold and how late probes are answered; the report says how fast these rise. The exit code is 1
 * where something rises that should be flat, or a request was lost that no injected fault explains.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { replaceBetween } from '../../bench/markers.js';
import { describeRun } from '../../bench/results.js';
import { startEcho } from '../../bench/targets.js';
import { pause } from '../time.js';
import { RecordFile, readRecords } from './records.js';
import { reportOf } from './report.js';
import { probeEcho, startSoaked } from './soaked-service.js';

const help = `npm run test:soak -- [options]

  --minutes <n>       how long                                                       (default 120)
  --warm-up <n>       minutes that the slopes leave out                              (default a third of them)
  --processes <list>  services that run at the same time, by their processes         (default 1,2)
  --rate <n>          requests a second to each service, without probes              (default 60)
  --warm-up-rate <n>  the same in the warm-up: memory grows until large requests meet (default three times the rate)
  --seed <n>          of every random choice                                         (default 1)
  --file <path>       where samples go, a line each                                  (default faults/results/soak.jsonl)
  --report <path>     prints the report of such a file, of a run under way too, and runs nothing; with --warm-up
                      another share of it
  --document          prints that report into docs/operations.md
  --help`;

const samplePeriodMs = 10_000;
/** Kills happen early in the warm-up, so that the slopes are those of processes that live to the end. */
const killShares = [0.05, 0.15];
/** The build lies in dist/faults/soak. */
const pathOf = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const defaultFile = pathOf('faults/results/soak.jsonl');
const document = pathOf('docs/operations.md');

function positive(text: string, name: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} must be a number above 0`);
  return value;
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '120' },
    'warm-up': { type: 'string' },
    processes: { type: 'string', default: '1,2' },
    rate: { type: 'string', default: '60' },
    'warm-up-rate': { type: 'string' },
    seed: { type: 'string', default: '1' },
    file: { type: 'string', default: defaultFile },
    report: { type: 'string' },
    document: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const warmUp = values['warm-up'] === undefined ? undefined : positive(values['warm-up'], 'warm-up');

/** Prints the report; the exit code. */
function report(path: string): number {
  const { text, failures } = reportOf(readRecords(path), warmUp);
  const verdict =
    failures.length === 0 ? 'Everything held.' : `${failures.length} failed:\n\n- ${failures.join('\n- ')}`;
  const markdown = `${text}\n\n${verdict}`;
  console.log(markdown);
  if (values.document) {
    writeFileSync(document, replaceBetween(readFileSync(document, 'utf8'), 'soak', 'test:soak', markdown));
  }
  return failures.length === 0 ? 0 : 1;
}

async function soak(): Promise<void> {
  const minutes = positive(values.minutes, 'minutes');
  const warmUpMinutes = warmUp ?? minutes / 3;
  const rate = positive(values.rate, 'rate');
  const warmUpRate = positive(values['warm-up-rate'] ?? String(3 * rate), 'warm-up-rate');
  const counts = values.processes.split(',').map((text) => positive(text, 'processes'));
  mkdirSync(dirname(values.file), { recursive: true });
  const file = new RecordFile(values.file);
  file.write({ kind: 'run', run: describeRun('test:soak'), minutes, warmUpMinutes });
  const startMs = performance.now();
  const minutesNow = () => (performance.now() - startMs) / 60_000;
  const firstReplies = new Map<string, Buffer>();
  const onFault = (service: string, fault: string) =>
    file.write({ kind: 'fault', minutes: minutesNow(), service, fault });
  const echo = await startEcho();
  const echoProbe = await probeEcho(Number(new URL(echo.url).port));
  const services = await Promise.all(
    counts.map((processes, index) => {
      const options = {
        processes,
        perSecond: () => (minutesNow() < warmUpMinutes ? warmUpRate : rate),
        seed: positive(values.seed, 'seed') + index,
        killsMs: killShares.map((share) => share * warmUpMinutes * 60_000),
      };
      return startSoaked(options, firstReplies, onFault);
    }),
  );
  while (minutesNow() < minutes) {
    // A window that a busy machine has missed is not made up for.
    await pause(samplePeriodMs - ((performance.now() - startMs) % samplePeriodMs));
    const now = minutesNow();
    const { count, lost, p50Ms, p99Ms } = await echoProbe.take();
    file.write({ kind: 'probe', minutes: now, service: 'echo', probe: 'echo', count, lost, p50Ms, p99Ms });
    const samples = await Promise.all(services.map(({ sample }) => sample(now)));
    for (const record of samples.flat()) file.write(record);
  }
  await echoProbe.stop();
  await echo.stop();
  for (const records of await Promise.all(services.map(({ stop }) => stop(minutesNow)))) {
    for (const record of records) file.write(record);
  }
}

if (values.help) console.log(help);
else {
  if (values.report === undefined) await soak();
  // What a failed soak has left behind would keep this process alive; it ends with it.
  process.exit(report(values.report ?? values.file));
}
