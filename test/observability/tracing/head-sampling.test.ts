/** Which requests are recorded, and the ids of the traces that begin here. */
import t from 'tap';
import { HeadSampling } from '../../../src/observability/tracing/head-sampling.js';
import { SpanIds } from '../../../src/observability/tracing/span-ids.js';

t.test('a share of 1 records all and a share of 0 nothing, here and of what began elsewhere', async (t) => {
  const all = new HeadSampling(1, new SpanIds());
  const nothing = new HeadSampling(0, new SpanIds());
  const traceIds = new Set<string | undefined>();
  for (let request = 0; request < 1000; request++) {
    traceIds.add(all.begin());
    if (nothing.begin() !== undefined) t.fail('recorded');
  }
  t.equal(traceIds.size, 1000, 'each has an id of its own');
  for (const traceId of traceIds) if (!/^[0-9a-f]{32}$/.test(traceId ?? '')) t.fail(`${traceId}`);
  for (const digit of ['0', '8', 'f']) {
    t.equal(all.records(digit.repeat(32)), true);
    t.equal(nothing.records(digit.repeat(32)), false);
  }
});

t.test('the last 14 digits decide, from the threshold of the specification on', async (t) => {
  // 0.99 is 0.fd70a3d70a3d70a3... in hexadecimal.
  const hundredth = new HeadSampling(0.01, new SpanIds());
  const id = (last: string) => `${'0123456789abcdef'}00${last}`;
  t.equal(hundredth.records(id('fd70a3d70a3d70')), true);
  t.equal(hundredth.records(id('fd70a3d70a3d6f')), false);
  const quarter = new HeadSampling(0.25, new SpanIds());
  t.equal(quarter.records(id('c0000000000000')), true);
  t.equal(quarter.records(id('bfffffffffffff')), false);
});

t.test('a share of the traces that begin here is recorded, independent of each other', async (t) => {
  for (const ratio of [0.5, 0.01, 0.001]) {
    const sampling = new HeadSampling(ratio, new SpanIds());
    const half = new HeadSampling(ratio / 2, new SpanIds());
    const requests = 200_000;
    let recorded = 0;
    let pairs = 0;
    let upper = 0;
    let wasRecorded = false;
    for (let request = 0; request < requests; request++) {
      const traceId = sampling.begin();
      if (traceId !== undefined) {
        recorded += 1;
        if (wasRecorded) pairs += 1;
        if (!sampling.records(traceId)) t.fail('its id says something else');
        if (half.records(traceId)) upper += 1;
      }
      wasRecorded = traceId !== undefined;
    }
    // Eight standard deviations of a binomial, since pairs overlap and theirs is up to 1.3 times as long; six are left
    // once in 5e8 runs. One more for counts near zero.
    const isNear = (count: number, share: number, of = requests) =>
      Math.abs(count - of * share) <= 8 * Math.sqrt(of * share * (1 - share)) + 1;
    t.ok(isNear(recorded, ratio), `${recorded} of ${requests}`);
    t.ok(isNear(pairs, ratio * ratio), `${pairs} follow another`);
    t.ok(isNear(upper, 0.5, recorded), `${upper} would be recorded at half the share`);
  }
});

t.test('a tiny share is drawn at once', async (t) => {
  const sampling = new HeadSampling(1e-12, new SpanIds());
  for (let request = 0; request < 1000; request++) t.equal(sampling.begin(), undefined);
});

t.test('ids are random digits of their length', async (t) => {
  const ids = new SpanIds();
  const spans = new Set(Array.from({ length: 10_000 }, () => ids.spanId()));
  t.equal(spans.size, 10_000);
  for (const span of spans) if (!/^[0-9a-f]{16}$/.test(span)) t.fail(span);
  t.match(ids.traceId(), /^[0-9a-f]{32}$/);
});

t.test('no id is all zeros', async (t) => {
  const ids = new SpanIds((bytes) => Buffer.concat([Buffer.alloc(bytes - 8), Buffer.from('0123456789abcdef', 'hex')]));
  t.equal(ids.spanId(), '0123456789abcdef');
});
