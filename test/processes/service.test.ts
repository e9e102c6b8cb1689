/** The service of several processes, seen from outside: one service. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import t from 'tap';
import { jobUnits } from '../../src/sampler/cost.js';
import { readExposition } from '../support/exposition.js';
import { makeJob } from '../support/jobs.js';
import { childrenOf, draw, post, startTwo, until } from '../support/processes.js';
import { start } from '../support/server-process.js';

async function metricsOf(url: string) {
  return readExposition(await (await fetch(`${url}/metrics`)).text());
}

/** All that a draw can be asked for, on every route. */
const around: readonly (readonly [path: string, body: object])[] = (() => {
  const logits = [
    [
      [1, 2, 3, null],
      [0, null, 1, 0.5],
    ],
  ];
  const draw = { logits, temperature: [[0.7, 2]], seed: [['3', '4']], num_samples: 30 };
  const cotangent = Array.from({ length: 30 }, (_, s) => [[Array(4).fill(s), [1, 2, 3, s]]]);
  const top = ['top_scores', 'top_threshold', 'top_log_prob', 'index_log_prob', 'log_samples', 'log_prob', 'noise'];
  return [
    ['/sample', { ...draw, hard: [[true, false]], top_k: 2, return: ['samples', 'indices', ...top] }],
    ['/sample', { ...draw, given_indices: [[2, 3]], return: ['samples', 'indices', 'noise', 'index_log_prob'] }],
    ...['straight_through', 'reinmax', 'softmax', 'gumbel_rao'].map((estimator) => {
      const rao = estimator === 'gumbel_rao' ? { rao_samples: 7 } : {};
      return ['/sample/vjp', { ...draw, hard: true, cotangent, estimator, ...rao }] as const;
    }),
    [
      '/log-prob',
      {
        logits,
        top_indices: [
          [
            [2, 0],
            [3, 0],
          ],
        ],
      },
    ],
    ['/log-prob', { logits, indices: [[[0, 3]], [[1, 1]]] }],
  ];
})();

t.test('every route gives the same bits in each process as in one alone', async (t) => {
  const [two, alone] = await Promise.all([startTwo(), start()]);
  for (const [path, body] of around) {
    const expected = await post(alone.url, body, { path });
    t.equal(expected.status, 200, expected.text.slice(0, 200));
    // New connections are dealt out in turn, so two of them reach both processes.
    const answers = await Promise.all([1, 2].map(() => post(two.url, body, { path })));
    for (const { text } of answers) t.equal(text, expected.text, `${path} ${Object.keys(body).join(' ')}`);
  }
  for (const { child, exit } of [two, alone]) {
    child.kill('SIGTERM');
    t.same(await exit, [0, null]);
  }
});

t.test('one line when all can draw, the same bits from each, and metrics that equal the load', async (t) => {
  const { child, url, lines, exit, stderr } = await startTwo();
  t.match(
    lines.at(-1)?.msg,
    /^serving at http:\/\/127\.0\.0\.1:\d+ with provider cpu \(.+\), 2 processes and 2 workers$/,
  );
  t.equal(lines.filter(({ msg }) => String(msg).startsWith('serving')).length, 1);
  t.same(lines.at(-1)?.pids, childrenOf(child.pid as number), 'the line names the processes');

  const body = {
    logits: [
      [1, 2, 3],
      [0, null, 1],
    ],
    temperature: 0.7,
    seed: 3,
    num_samples: 50,
  };
  const replies = new Set<string>();
  const agents = Array.from({ length: 6 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const answers = await Promise.all(agents.map((agent) => post(url, body, { agent })));
  for (const { status, text } of answers) {
    t.equal(status, 200);
    replies.add(text);
  }
  for (const agent of agents) agent.destroy();
  const alone = await start();
  replies.add((await post(alone.url, body)).text);
  alone.child.kill('SIGTERM');
  t.equal(replies.size, 1, 'neither the process nor their number shows in a reply');
  t.same(await alone.exit, [0, null]);

  const load = draw(url, 8);
  await until('each has drawn', () => (load.counts['200'] ?? 0) > 200);
  await load.stop();
  const { value, labelValues } = await metricsOf(url);
  const drawn = (load.counts['200'] ?? 0) + agents.length;
  t.same(Object.keys(load.counts), ['200']);
  t.equal(value('gumbel_http_requests_total', { route: '/sample', status: '200' }), drawn);
  t.equal(value('gumbel_http_request_duration_seconds_count', { route: '/sample' }), drawn);
  t.equal(value('gumbel_queue_wait_seconds_count'), drawn);
  t.equal(value('gumbel_workers_alive'), 2);
  t.equal(value('gumbel_processes_ready'), 2);
  t.equal(value('gumbel_process_restarts_total'), 0);
  t.same([...labelValues('process_start_time_seconds', 'process')], ['1', '2', 'primary']);
  for (const path of ['/livez', '/readyz']) t.equal((await fetch(`${url}${path}`)).status, 200);

  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
  t.equal(stderr(), '');
  t.equal(lines.at(-1)?.msg, 'stopped');
  t.same(
    lines
      .filter(({ msg, process }) => msg === 'stopped' && process !== undefined)
      .map(({ process }) => process)
      .sort(),
    [1, 2],
    'lines of a process say its number',
  );
});

t.test('a quota holds for all processes together, within 1 %', async (t) => {
  const key = 'k'.repeat(32);
  const file = join(t.testdir(), 'keys');
  const quota = 60_000_000;
  writeFileSync(file, `client:${createHash('sha256').update(key).digest('hex')}:${quota}\n`);
  const { child, url, exit } = await startTwo({ API_KEYS_FILE: file });
  const startMs = performance.now();
  const headers = { authorization: `Bearer ${key}` };
  const units = jobUnits(makeJob({ categories: 1000, samples: 1000, outputs: new Set(['indices'] as const) }));
  const body = { logits: Array(1000).fill(0), num_samples: 1000, return: ['indices'] };
  let charged = 0;
  let retryAfter = 0;
  const client = async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (;;) {
      const { status } = await post(url, body, { agent, headers });
      if (status === 200) charged += units;
      else if (status === 429) retryAfter += 1;
      if (status === 429) break;
    }
    agent.destroy();
  };
  await Promise.all(Array.from({ length: 4 }, client));
  const filled = (quota * (performance.now() - startMs)) / 60_000;
  t.ok(charged <= (quota + filled) * 1.01, `${charged} of ${quota} and the ${filled} that came meanwhile`);
  // Where a draw more would not fit, something may be left.
  t.ok(charged >= quota * 0.99 - 2 * units, `${charged} of ${quota}`);
  t.equal(retryAfter, 4);
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
});

t.test('with one process nothing is forked', async (t) => {
  const { child, lines, exit } = await start({ PROCESSES: '1' });
  t.match(lines.at(-1)?.msg, /\) and 1 worker$/);
  t.same(childrenOf(child.pid as number), []);
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
});
