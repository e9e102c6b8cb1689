/** Spans that the collector does not take: counted, bounded, logged once a minute, on a clock of the test. */
import type { BatchSpanProcessor, ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { pino } from 'pino';
import t from 'tap';
import { SpanClock, spanTime } from '../../../src/observability/tracing/span-clock.js';
import { SpanExport } from '../../../src/observability/tracing/span-export.js';
import { reasonOf, SpanLosses } from '../../../src/observability/tracing/span-losses.js';

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

t.test('the reason is that of the network or the status of the collector', async (t) => {
  const refused = Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' });
  t.equal(reasonOf(refused), 'ECONNREFUSED');
  t.equal(reasonOf(new Error('Request timed out')), 'Request timed out');
  t.equal(reasonOf(Object.assign(new Error('Not Found'), { code: 404 })), 'the collector replied 404 Not Found');
  t.equal(reasonOf(undefined), 'the export failed');
  t.equal(reasonOf(new RangeError()), 'RangeError');
});

const span = {} as ReadableSpan;

/** An export whose spans are gathered by hand. */
function byHand(queueSpansMax: number) {
  const counted = counting();
  const gathered: ReadableSpan[] = [];
  const exports: ((code: number) => void)[] = [];
  const exporter: SpanExporter = {
    export: (_spans, done) => exports.push((code) => done(code === 0 ? { code } : { code, error: new Error('no') })),
    shutdown: async () => {},
  };
  let counting_: SpanExporter = exporter;
  const spans = new SpanExport({
    exporter,
    losses: counted.losses,
    queueSpansMax,
    gather: (exporter) => {
      counting_ = exporter;
      const processor = {
        onEnd: (span: ReadableSpan) => gathered.push(span),
        forceFlush: async () => {},
        // It never ends: only the limit does.
        shutdown: () => new Promise(() => {}),
      };
      return processor as unknown as BatchSpanProcessor;
    },
  });
  const send = () => counting_.export(gathered.splice(0), () => {});
  return { ...counted, spans, gathered, send, exports };
}

t.test('no more spans wait than the queue holds; the others are dropped and counted', async (t) => {
  const { spans, gathered, counts, send, exports } = byHand(3);
  for (let index = 0; index < 5; index++) spans.onEnd(span);
  t.equal(gathered.length, 3);
  t.same(counts, { exported: 0, dropped: 2 });
  send();
  for (let index = 0; index < 5; index++) spans.onEnd(span);
  t.equal(gathered.length, 3, 'what is in an export waits no more');
  exports.shift()?.(0);
  t.same(counts, { exported: 3, dropped: 4 });
  send();
  exports.shift()?.(1);
  t.same(counts, { exported: 3, dropped: 7 });
});

t.test('a close waits no longer than it may, and counts what is lost', async (t) => {
  const { spans, counts, lines, send } = byHand(3);
  spans.onEnd(span);
  send();
  spans.onEnd(span);
  await spans.close(1);
  t.same(counts, { exported: 0, dropped: 2 });
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
