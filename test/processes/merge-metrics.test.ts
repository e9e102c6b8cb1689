import t from 'tap';
import { Metrics } from '../../src/observability/metrics.js';
import { MergedMetrics } from '../../src/processes/merge-metrics.js';
import { readExposition } from '../support/exposition.js';

const build = { version: '1', noiseVersion: 'n', provider: 'cpu', device: 'a CPU' };

function metricsOf(requests: number, workersAlive: number): Metrics {
  const metrics = new Metrics();
  metrics.describe(() => ({ queuedUnits: 10, queuedRequests: 1, workersAlive }), build);
  for (let count = 0; count < requests; count++) {
    metrics.answered({ method: 'POST', route: '/sample', status: 200, durationMs: 4 });
  }
  return metrics;
}

const answered = { method: 'POST', route: '/sample', status: '200' };

t.test('counts are summed, what describes a process is kept apart', async (t) => {
  const merged = new MergedMetrics();
  const [one, two] = [await metricsOf(3, 2).values(), await metricsOf(4, 1).values()];
  const { value, types, labelValues } = readExposition(
    await merged.text([
      ['1', one],
      ['2', two],
    ]),
  );
  t.equal(value('gumbel_http_requests_total', answered), 7);
  t.equal(value('gumbel_http_request_duration_seconds_count', { route: '/sample' }), 7);
  t.equal(value('gumbel_http_request_duration_seconds_bucket', { route: '/sample', le: '0.005' }), 7);
  t.equal(value('gumbel_workers_alive'), 3);
  t.equal(value('gumbel_processes_ready'), 2);
  t.equal(value('gumbel_queue_elements'), 20);
  t.equal(value('gumbel_build_info', { provider: 'cpu' }), 1);
  for (const name of [
    'process_start_time_seconds',
    'process_resident_memory_bytes',
    'nodejs_eventloop_lag_p99_seconds',
  ]) {
    t.same([...labelValues(name, 'process')], ['1', '2'], name);
  }
  t.equal(types.get('process_cpu_seconds_total'), 'counter');
  t.equal([...labelValues('nodejs_version_info', 'version')].length, 1);
});

t.test('no counter falls when processes die, and nothing else of them is left', async (t) => {
  const merged = new MergedMetrics();
  const two = await metricsOf(4, 1).values();
  let expected = 4;
  for (let died = 1; died <= 20; died++) {
    merged.addPast(await metricsOf(3, 2).values());
    expected += 3;
    const { value, labelValues } = readExposition(await merged.text([['2', two]]));
    t.equal(value('gumbel_http_requests_total', answered), expected);
    t.equal(
      value('gumbel_http_request_duration_seconds_sum', { route: '/sample' })?.toFixed(6),
      (0.004 * expected).toFixed(6),
    );
    t.equal(value('gumbel_workers_alive'), 1);
    t.same([...labelValues('process_cpu_seconds_total', 'process')], ['2']);
  }
  const leaving = readExposition(await merged.text([['2', two]], [await metricsOf(5, 2).values()]));
  t.equal(leaving.value('gumbel_http_requests_total', answered), expected + 5, 'nor while one finishes');
  t.equal(leaving.value('gumbel_workers_alive'), 1);
});
