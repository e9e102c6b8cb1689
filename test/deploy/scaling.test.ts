/**
 * How the manifests scale where they are changed as docs/image-and-kubernetes.md says: by the queue, and without a
 * limit on CPUs. Where neither kubectl nor kustomize, or no promtool, is installed, the test says so.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { HorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2.js';
import t, { type Test } from 'tap';
import { parse, stringify } from 'yaml';
import { options } from '../../src/config.js';
import { findRenderer, type Manifest, render, typeErrors } from '../support/render-manifests.js';
import { startService } from '../support/service.js';

const execute = promisify(execFile);
const path = (name: string) => fileURLToPath(new URL(`../../../${name}`, import.meta.url));
const read = (name: string) => readFileSync(path(name), 'utf8');
const kubernetes = path('deploy/kubernetes');
const component = 'components/autoscale-on-queue';
const renderer = await findRenderer();

if (renderer === undefined) t.comment('NOT RUN: kustomize. Neither kubectl nor kustomize is installed.');
else testManifests(renderer);
testRule();

function testManifests(renderer: NonNullable<Awaited<ReturnType<typeof findRenderer>>>): void {
  /** Renders an overlay of somebody else, on the base. */
  async function overlay(t: Test, fields: Record<string, unknown>): Promise<Manifest[]> {
    const folder = t.testdir();
    const resources = [relative(folder, join(kubernetes, 'base'))];
    const header = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' };
    const components = ((fields.components ?? []) as string[]).map((name) => relative(folder, join(kubernetes, name)));
    writeFileSync(join(folder, 'kustomization.yaml'), stringify({ ...header, resources, ...fields, components }));
    return render(renderer, relative(kubernetes, folder));
  }
  const only = <Kind>(manifests: readonly Manifest[], kind: string) =>
    manifests.find((manifest) => manifest.kind === kind) as unknown as Kind;

  t.test('the autoscaler looks at CPU and at an eighth of the queue', async (t) => {
    const manifests = await overlay(t, { components: [component] });
    t.equal(await typeErrors('scaling', manifests), '');
    const autoscalers = manifests.filter(({ kind }) => kind === 'HorizontalPodAutoscaler');
    t.equal(autoscalers.length, 1, 'two of one Deployment would work against each other');
    const { spec } = autoscalers[0] as unknown as HorizontalPodAutoscaler;
    t.same(
      spec?.metrics?.map(({ type }) => type),
      ['Resource', 'Pods'],
    );
    const [container] = only<Deployment>(manifests, 'Deployment').spec?.template.spec?.containers ?? [];
    const queue = Number(container?.resources?.limits?.cpu) * Number(options.QUEUE_ELEMENTS_MAX.default);
    const { metric, target } = spec?.metrics?.[1]?.pods ?? {};
    t.same(target, { type: 'AverageValue', averageValue: String(queue / 8) });
    const { app, close } = await startService();
    t.teardown(close);
    t.match((await app.inject('/metrics')).body, new RegExp(`^${metric?.name} 0$`, 'm'), 'the service has the metric');
  });

  t.test('without a limit on CPUs, as the document says, WORKERS is a number', async (t) => {
    const document = read('docs/image-and-kubernetes.md');
    const [block] = [...document.matchAll(/```yaml\n(.*?)```/gs)].filter(([, text]) => text.includes('limits/cpu'));
    const manifests = await overlay(t, parse(block?.[1] ?? ''));
    t.equal(await typeErrors('without-cpu-limit', manifests), '');
    const [container] = only<Deployment>(manifests, 'Deployment').spec?.template.spec?.containers ?? [];
    t.same(Object.keys(container?.resources?.limits ?? {}), ['memory']);
    t.same(container?.env, [{ name: 'WORKERS', value: '2' }]);
  });
}

function testRule(): void {
  t.test('the rule of prometheus-adapter gives the median queue of each pod', async (t) => {
    const [rule] = parse(read(`deploy/kubernetes/${component}/prometheus-adapter.yaml`)).rules.custom;
    t.equal(rule.name.as, 'gumbel_queue_elements');
    // As the adapter fills its template in for the pods of an autoscaler.
    const values: Record<string, string> = {
      Series: 'gumbel_queue_elements',
      LabelMatchers: 'namespace="sampling",pod=~"one|two"',
      GroupBy: 'pod',
    };
    const filled = (text: string) => text.replaceAll(/<<\.(\w+)>>/g, (_, name: string) => values[name] as string);
    const series = (namespace: string, pod: string, text: string) => ({
      series: `gumbel_queue_elements{namespace="${namespace}",pod="${pod}"}`,
      values: text,
    });
    const tests = [
      {
        interval: '15s',
        input_series: [
          series('sampling', 'one', '0 8000000 6000000 9000000 2000000 0 0'),
          // One large draw.
          series('sampling', 'two', '0 0 1000000000 0 0 0 0'),
          series('elsewhere', 'one', '9x6'),
        ],
        promql_expr_test: [
          {
            expr: filled(rule.metricsQuery),
            // Prometheus 2 counts a scrape at the beginning of the range, Prometheus 3 does not: here there is none.
            eval_time: '1m10s',
            exp_samples: [
              { labels: '{pod="one"}', value: 7_000_000 },
              { labels: '{pod="two"}', value: 0 },
            ],
          },
          // What the adapter looks for before it answers for anything.
          { expr: `count(${rule.seriesQuery})`, eval_time: '1m', exp_samples: [{ labels: '{}', value: 3 }] },
        ],
      },
    ];
    const file = join(t.testdir(), 'test.yaml');
    writeFileSync(file, stringify({ tests }));
    try {
      const { stdout } = await execute(process.env.PROMTOOL || 'promtool', ['test', 'rules', file]);
      t.match(stdout, /SUCCESS/);
    } catch (error) {
      const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string };
      if (code !== 'ENOENT') t.fail(stdout + stderr);
      else t.comment('NOT RUN: promtool is not installed. Debian and Ubuntu: apt-get install prometheus');
    }
  });
}
