/** Clients draw over TLS while all pods are replaced, and then one is evicted: every request is answered. */
import type { Test } from 'tap';
import { type Context, evictInTurn, untilSettled } from './context.js';
import { clientOf, namespace } from './document.js';
import { eventually } from './eventually.js';
import type { Client } from './over-tls.js';

const requestsPerSecond = 40;
const deployment = 'deployment/gumbel-sampler';

interface Load {
  readonly counts: Record<string, number>;
  readonly slowestMs: () => number;
  /** Resolves when every request has ended. */
  readonly stop: () => Promise<void>;
}

/** A request every 25 ms, on a busy machine fewer, whatever became of those before it. */
function drawSteadily(client: Client): Load {
  const counts: Record<string, number> = {};
  const open = new Set<Promise<void>>();
  let slowestMs = 0;
  const one = async () => {
    const startMs = performance.now();
    const became = await client.ask('/sample', { logits: [1, 0.5, -1], temperature: 0.5, num_samples: 10 }).then(
      ({ status }) => String(status),
      (error: NodeJS.ErrnoException) => error.code ?? error.message,
    );
    slowestMs = Math.max(slowestMs, performance.now() - startMs);
    counts[became] = (counts[became] ?? 0) + 1;
  };
  const timer = setInterval(() => {
    const request = one().finally(() => open.delete(request));
    open.add(request);
  }, 1000 / requestsPerSecond);
  return {
    counts,
    slowestMs: () => slowestMs,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(open);
    },
  };
}

export async function checkRollout(t: Test, context: Context): Promise<void> {
  const { cluster, api, kubelet } = context;
  const client = clientOf(context, 'first-key');
  t.teardown(() => client.close());
  const before = await untilSettled(context, namespace, 'gumbel-sampler');
  const startMs = performance.now();
  const load = drawSteadily(client);

  await cluster.kubectl(['rollout', 'restart', deployment, '--namespace', namespace]);
  await cluster.kubectl(['rollout', 'status', deployment, '--namespace', namespace, '--timeout=300s']);
  await eventually('the old pods have ended', () => kubelet.endings.length === before.length);

  const pods = await untilSettled(context, namespace, 'gumbel-sampler');
  const evictions = await evictInTurn(api, pods);
  t.same(
    evictions.map(({ status }) => status),
    [201, 429],
    'one at a time may be drained',
  );
  await eventually('the evicted pod has ended', () => kubelet.endings.length === before.length + 1);
  await untilSettled(context, namespace, 'gumbel-sampler');
  await load.stop();

  const total = Object.values(load.counts).reduce((sum, count) => sum + count, 0);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
  t.comment(`${total} requests in ${seconds} s, the slowest took ${load.slowestMs().toFixed(0)} ms`);
  t.same(load.counts, { 200: total }, 'every request was answered');
  for (const { pod, code, msAfterSigterm = Number.NaN } of kubelet.endings) {
    t.comment(`${pod} ended ${(msAfterSigterm / 1000).toFixed(1)} s after SIGTERM`);
    t.equal(code, 0, `${pod} ended by itself`);
    t.ok(msAfterSigterm >= 15_000, 'after the drain of the overlay');
  }
  await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
}
