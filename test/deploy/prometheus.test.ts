/**
 * deploy/ in the hands of Prometheus itself: its promtool checks the rules, each alert fires and stays silent where it
 * should, and a Prometheus that scrapes the running service answers every query of the dashboard. Where Prometheus is
 * not installed (Debian's package `prometheus`), the test says so, and that is all it asserts.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { parse, stringify } from 'yaml';
import { startService } from '../support/service.js';
import { alertCases, type Series } from './alert-cases.js';

const execute = promisify(execFile);
const path = (relative: string) => fileURLToPath(new URL(`../../../${relative}`, import.meta.url));
const [promtool, prometheus] = [process.env.PROMTOOL || 'promtool', process.env.PROMETHEUS || 'prometheus'];

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly labels: { readonly severity: string } }[];
  }[];
}

function isInstalled(): boolean {
  try {
    for (const command of [promtool, prometheus]) execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return false;
  }
}

if (isInstalled()) {
  testRules();
  testScrape();
} else {
  t.test('the alerts and the dashboard are tested where Prometheus is installed', async (t) => {
    t.notOk(isInstalled(), 'it is not installed');
    t.comment('NOT RUN: alerts and dashboard. Debian and Ubuntu: apt-get install --no-install-recommends prometheus');
  });
}

/** The rules of the Prometheus operator, which are those of deploy/grafana and two more, as a file of Prometheus. */
function operatorRules(folder: string): { file: string; rules: Rules } {
  const text = readFileSync(path('deploy/kubernetes/components/monitoring/prometheusrule.yaml'), 'utf8');
  const rules = (parse(text) as { spec: Rules }).spec;
  const file = join(folder, 'operator.yaml');
  writeFileSync(file, stringify(rules));
  return { file, rules };
}

function testRules(): void {
  t.test('promtool finds no fault in the rules', async (t) => {
    const { file } = operatorRules(t.testdir());
    const { stdout } = await execute(promtool, [
      'check',
      'rules',
      '--lint=all',
      '--lint-fatal',
      file,
      path('deploy/grafana/alerts.yaml'),
    ]);
    t.match(stdout, /SUCCESS: 11 rules found[\s\S]*SUCCESS: 9 rules found/);
  });

  t.test('each alert fires in its case, and stays silent in another', async (t) => {
    const folder = t.testdir();
    const { file, rules } = operatorRules(folder);
    const severities = new Map(
      rules.groups.flatMap(({ rules: own }) => own.map(({ alert, labels }) => [alert, labels.severity] as const)),
    );
    t.same(
      alertCases.map(({ alert }) => alert).toSorted(),
      [...severities.keys()].toSorted(),
      'every alert has a case',
    );
    const labelText = (labels: object) =>
      Object.entries(labels)
        .map(([name, value]) => `${name}="${value}"`)
        .join(',');
    const test = (name: string, series: Series, firing: readonly object[]) => ({
      name,
      interval: '15s',
      input_series: Object.entries(series).map(([text, values]) => ({ series: text, values })),
      promql_expr_test: [
        {
          expr: `ALERTS{alertname="${name.split(' ')[0]}",alertstate="firing"}`,
          // Late enough for the longest `for`, 10 minutes, except where the series begin later.
          eval_time: name.startsWith('GumbelSamplerFails') ? '11m' : '14m30s',
          exp_samples: firing.map((labels) => ({ labels: `ALERTS{${labelText(labels)}}`, value: 1 })),
        },
      ],
    });
    const tests = alertCases.flatMap(({ alert, fires, labels, silent }) => [
      test(`${alert} fires`, fires, [
        { alertname: alert, alertstate: 'firing', severity: severities.get(alert), ...labels },
      ]),
      test(`${alert} is silent`, silent, []),
    ]);
    const testFile = join(folder, 'test.yaml');
    writeFileSync(testFile, stringify({ rule_files: [file], evaluation_interval: '15s', tests }));
    const { stdout } = await execute(promtool, ['test', 'rules', testFile]).catch(
      ({ stdout, stderr }: { stdout: string; stderr: string }) => ({ stdout: stdout + stderr }),
    );
    t.match(stdout, /SUCCESS/);
  });
}

interface Answer {
  readonly status: string;
  readonly data?: {
    readonly result?: readonly unknown[];
    readonly activeTargets?: readonly { readonly health: string }[];
  };
}

function testScrape(): void {
  t.test('promtool has nothing to say of the metrics of the service', async (t) => {
    const { app, close } = await startService();
    t.teardown(close);
    await app.inject({ method: 'POST', url: '/sample', payload: { logits: [1, 2], return: ['samples', 'log_prob'] } });
    const child = spawn(promtool, ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
    child.stdin.end((await app.inject('/metrics')).body);
    await once(child, 'close');
    // prom-client's own names, which dashboards of others rely on.
    const own = said.split('\n').filter((line) => line.startsWith('gumbel_'));
    t.same(own, []);
  });

  t.test('a Prometheus that scrapes the service answers every query of the dashboard', async (t) => {
    const { app, close } = await startService();
    const folder = t.testdir();
    const address = await app.listen({ host: '127.0.0.1', port: 0 });
    const port = await freePort();
    const config = join(folder, 'prometheus.yaml');
    const target = { targets: [new URL(address).host], labels: { namespace: 'production' } };
    writeFileSync(
      config,
      stringify({
        global: { scrape_interval: '1s' },
        rule_files: [operatorRules(folder).file],
        scrape_configs: [{ job_name: 'gumbel-sampler', static_configs: [target] }],
      }),
    );
    const child = spawn(
      prometheus,
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: 'ignore' },
    );
    const exited = once(child, 'exit');
    t.teardown(async () => {
      child.kill();
      await exited;
      await close();
    });
    const ask = async (route: string): Promise<Answer> =>
      (await (await fetch(`http://127.0.0.1:${port}/api/v1/${route}`)).json()) as Answer;
    await until(async () => (await ask('targets')).data?.activeTargets?.[0]?.health === 'up');
    await app.inject({ method: 'POST', url: '/sample', payload: { logits: [1, 2] } });
    await app.inject({ method: 'POST', url: '/sample', payload: {} });
    const dashboard = JSON.parse(readFileSync(path('deploy/grafana/gumbel-sampler.json'), 'utf8')) as {
      panels: { title: string; targets?: { expr: string }[] }[];
    };
    // Without callers there are no keys.
    const mayBeEmpty = /gumbel_api_key_elements_total/;
    for (const { title, targets = [] } of dashboard.panels) {
      for (const { expr } of targets) {
        const query = expr.replaceAll(/\$(namespace|job|instance)\b/g, '.*').replaceAll('$__rate_interval', '1m');
        await until(async () => {
          const { status, data } = await ask(`query?query=${encodeURIComponent(query)}`);
          return status === 'success' && ((data?.result?.length ?? 0) > 0 || mayBeEmpty.test(expr));
        }, `${title}: ${query}`);
        t.pass(title);
      }
    }
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Polls until it is so; fails the test after a time that only a fault takes. */
async function until(isSo: () => Promise<boolean>, what = 'Prometheus scrapes the service'): Promise<void> {
  for (const end = Date.now() + 30_000; Date.now() < end; await sleep(200)) {
    if (await isSo().catch(() => false)) return;
  }
  throw new Error(`Not within 30 s: ${what}`);
}
