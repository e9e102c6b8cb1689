/** Which requests without a caller's span are recorded, and the ids of their traces. */

import { ROOT_CONTEXT } from '@opentelemetry/api';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import t from 'tap';
import { RootSampling } from '../../../src/observability/tracing/root-sampling.js';
import { SpanIds } from '../../../src/observability/tracing/span-ids.js';

t.test('a sampler that records everything or nothing is obeyed, beyond the end of the look ahead', async (t) => {
  const all = new RootSampling(new AlwaysOnSampler(), new SpanIds());
  const nothing = new RootSampling(new AlwaysOffSampler(), new SpanIds());
  const traceIds = new Set<string | undefined>();
  for (let request = 0; request < 1000; request++) {
    traceIds.add(all.next());
    if (nothing.next() !== undefined) t.fail('recorded');
  }
  t.equal(traceIds.size, 1000, 'each has an id of its own');
  for (const traceId of traceIds) if (!/^[0-9a-f]{32}$/.test(traceId ?? '')) t.fail(`${traceId}`);
});

t.test('a sampler by ratio records its share, of requests that are independent of each other', async (t) => {
  for (const ratio of [0.5, 0.01, 0.001]) {
    const sampler = new TraceIdRatioBasedSampler(ratio);
    const roots = new RootSampling(sampler, new SpanIds());
    const requests = 200_000;
    let recorded = 0;
    let pairs = 0;
    let wasRecorded = false;
    for (let request = 0; request < requests; request++) {
      const traceId = roots.next();
      if (traceId !== undefined) {
        recorded += 1;
        if (wasRecorded) pairs += 1;
        const { decision } = sampler.shouldSample(ROOT_CONTEXT, traceId);
        if (decision !== SamplingDecision.RECORD_AND_SAMPLED) t.fail('its id says something else');
      }
      wasRecorded = traceId !== undefined;
    }
    // Eight standard deviations of a binomial, since pairs overlap and theirs is up to 1.3 times as long; six are left
    // once in 5e8 runs. One more for counts near zero.
    const isNear = (count: number, share: number) =>
      Math.abs(count - requests * share) <= 8 * Math.sqrt(requests * share * (1 - share)) + 1;
    t.ok(isNear(recorded, ratio), `${recorded} of ${requests}`);
    t.ok(isNear(pairs, ratio * ratio), `${pairs} follow another`);
  }
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
