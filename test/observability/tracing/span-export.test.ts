/** Spans on their way to the collector: gathered, counted, bounded, and what is lost logged once a minute. */
import { pino } from 'pino';
import t from 'tap';
import { spanTime } from '../../../src/observability/tracing/export/readable-span.js';
import { SpanExport, type SpanExportOptions } from '../../../src/observability/tracing/export/span-export.js';
import { SpanLosses } from '../../../src/observability/tracing/export/span-losses.js';
import type { EndedSpan } from '../../../src/observability/tracing/span.js';
import { SpanClock } from '../../../src/observability/tracing/span-clock.js';
import { until } from '../../support/processes.js';

function counting() {
  const lines: Record<string, unknown>[] = [];
  const counts = { exported: 0, dropped: 0 };
  let nowMs = 0;
  const losses = new SpanLosses(
    pino({}, { write: (line: string) => lines.push(JSON.parse(line)) }),
    {
      spansExported: (spans) => {
        counts.exported += spans;
      },
      spansDropped: (spans) => {
        counts.dropped += spans;
      },
    },
    'http://user:secret@127.0.0.1:4318/v1/traces?key=secret',
    () => nowMs,
  );
  return { lines, counts, losses, wait: (ms: number) => (nowMs += ms) };
}

t.test('a line at most once a minute says how many spans were dropped, where and why', async (t) => {
  const { lines, counts, losses, wait } = counting();
  losses.dropped(2, 'first');
  for (let more = 0; more < 100; more++) losses.dropped(5, `later ${'x'.repeat(1000)}`);
  wait(59_999);
  losses.dropped(1, 'later');
  t.equal(lines.length, 1);
  t.match(lines[0], { level: 40, spans: 2, collector: 'http://127.0.0.1:4318/v1/traces', reason: 'first' });
  t.match(lines[0]?.msg, /Check that the collector runs/);
  wait(1);
  losses.dropped(1, 'y'.repeat(1000));
  t.equal(lines.length, 2);
  t.match(lines[1], { spans: 502, reason: 'y'.repeat(200) });
  t.notMatch(JSON.stringify(lines), /secret/);
  t.same(counts, { exported: 0, dropped: 504 });
});

const span = {} as EndedSpan;

interface Export {
  readonly spans: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** An export whose collector is the test. */
function byHand(limits: Partial<SpanExportOptions>) {
  const counted = counting();
  const exports: Export[] = [];
  const spans = new SpanExport({
    exporter: {
      export: (spans) => new Promise((resolve, reject) => exports.push({ spans: spans.length, resolve, reject })),
      close: async () => {
        for (const { reject } of exports) reject(new Error('the process stops'));
      },
    },
    losses: counted.losses,
    queueSpansMax: 100,
    exportSpansMax: 100,
    scheduleDelayMs: 600_000,
    ...limits,
  });
  const add = (count: number) => {
    for (let index = 0; index < count; index++) spans.add(span);
  };
  const takeNext = () => exports.shift() as Export;
  const sizes = () => exports.map(({ spans }) => spans);
  return { ...counted, spans, add, takeNext, sizes };
}

t.test('as many as an export may have go at once, one export at a time; fewer wait for others', async (t) => {
  const { add, sizes, takeNext, counts } = byHand({ exportSpansMax: 3, scheduleDelayMs: 20 });
  add(2);
  t.same(sizes(), []);
  add(1);
  t.same(sizes(), [3]);
  add(7);
  t.same(sizes(), [3], 'the others wait until it has ended');
  takeNext().resolve();
  await until('the next begins', async () => sizes().length > 0);
  t.same(sizes(), [3]);
  takeNext().reject(new Error('no'));
  await until('the third begins', async () => sizes().length > 0);
  t.same(sizes(), [3]);
  takeNext().resolve();
  await until('the delay is over', async () => sizes().length > 0);
  t.same(sizes(), [1]);
  t.same(counts, { exported: 6, dropped: 3 });
  takeNext().resolve();
});

t.test('no more spans wait than the queue holds; the others are dropped and counted', async (t) => {
  const { add, counts, lines, sizes } = byHand({ queueSpansMax: 3, exportSpansMax: 3 });
  add(3);
  t.same(sizes(), [3]);
  add(3);
  t.same(counts, { exported: 0, dropped: 0 }, 'what is in an export waits no more');
  add(2);
  t.same(counts, { exported: 0, dropped: 2 });
  t.match(lines, [{ spans: 1, reason: /more spans end than are exported/ }]);
});

t.test('a close exports all that waits', async (t) => {
  const { spans, add, counts, sizes, takeNext } = byHand({ exportSpansMax: 3 });
  add(3);
  add(5);
  const closed = spans.close(600_000);
  t.same(sizes(), [3, 3, 2]);
  for (const [index, settle] of (['resolve', 'resolve', 'resolve'] as const).entries()) {
    t.equal(counts.exported, [0, 3, 6][index]);
    takeNext()[settle]();
    await Promise.resolve();
  }
  await closed;
  t.same(counts, { exported: 8, dropped: 0 });
});

t.test('a close waits no longer than it may, and counts what is lost', async (t) => {
  const { spans, add, counts, lines } = byHand({ exportSpansMax: 2 });
  add(3);
  await spans.close(1);
  t.same(counts, { exported: 0, dropped: 3 });
  t.match(lines, [{ spans: 2, reason: 'the process stops' }]);
});

t.test('times of spans follow a clock that is set, and not its noise', async (t) => {
  let [nowMs, dayMs] = [1000, 1_700_000_000_000];
  const clock = new SpanClock(
    () => nowMs,
    () => Math.floor(dayMs),
  );
  const offsetMs = clock.offsetMs();
  t.equal(offsetMs, 1_699_999_999_000);
  for (const ms of [0.4, 0.7, 3.3]) {
    nowMs += ms;
    dayMs += ms;
    t.equal(clock.offsetMs(), offsetMs);
  }
  dayMs += 3_600_000;
  t.ok(Math.abs(clock.offsetMs() - offsetMs - 3_600_000) < 10);
  t.same(spanTime(1_700_000_000_123.5), [1_700_000_000, 123_500_000]);
});
