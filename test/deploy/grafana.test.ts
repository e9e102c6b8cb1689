/** The dashboard, the alert rules and the document on metrics speak of exactly the metrics that are exported. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { readExposition } from '../support/exposition.js';
import { startService } from '../support/service.js';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

const root = new URL('../../../', import.meta.url);
const text = (path: string) => readFileSync(new URL(path, root), 'utf8');
const dashboard = JSON.parse(text('deploy/grafana/gumbel-sampler.json')) as {
  panels: readonly Panel[];
  templating: { list: readonly { name: string; query: unknown }[] };
};

const service = await startService();
t.teardown(service.close);
const { types } = readExposition((await service.app.inject('/metrics')).body);
const own = [...types.keys()].filter((name) => name.startsWith('gumbel_'));

/** The metrics a PromQL expression reads, by family: a series of a histogram counts for it. */
function metricsOf(expression: string): string[] {
  const names = expression.match(/\b(?:gumbel|nodejs|process)_[a-z0-9_]+/g) ?? [];
  return names.map((name) => (types.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '')));
}

const panelMetrics = dashboard.panels.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => metricsOf(expr)));

t.test('every metric of a panel is exported, and every metric of the service is on a panel', async (t) => {
  for (const name of panelMetrics) t.ok(types.has(name), name);
  for (const name of own) t.ok(panelMetrics.includes(name), `${name} is on a panel`);
});

t.test('counters are read as rates, histograms by their series, gauges as they are', async (t) => {
  for (const { targets = [], title } of dashboard.panels) {
    for (const { expr } of targets) {
      for (const [, before, name] of expr.matchAll(/(.{0,9})\b((?:gumbel|nodejs|process)_[a-z0-9_]+)/g)) {
        const type = types.get(name);
        const changing = /(rate|increase)\($/.test(before);
        t.equal(changing, type === undefined || type === 'counter', `${title}: ${expr}`);
      }
    }
  }
});

t.test('panels have ids of their own, a query each, and do not overlap', async (t) => {
  const { panels } = dashboard;
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const cells = new Set<string>();
  for (const { type, title, gridPos, targets = [] } of panels) {
    t.equal(targets.length > 0, type !== 'row', title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        if (cells.has(`${x} ${y}`)) t.fail(`${title} lies over another panel`);
        cells.add(`${x} ${y}`);
      }
    }
  }
});

t.test('every variable that a query uses is defined', async (t) => {
  const defined = new Set(dashboard.templating.list.map(({ name }) => name));
  for (const [, name] of JSON.stringify(dashboard).matchAll(/\$\{?([a-z]+)\b/g)) {
    if (!defined.has(name)) t.fail(`$${name} is not defined`);
  }
  t.same([...defined], ['datasource', 'namespace', 'job', 'instance']);
});

t.test('every alert reads metrics that are exported and says what to do', async (t) => {
  const { groups } = parse(text('deploy/grafana/alerts.yaml')) as {
    groups: { rules: { alert: string; expr: string; annotations: { summary: string; description: string } }[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  t.ok(rules.length > 0);
  for (const { alert, expr, annotations } of rules) {
    const names = metricsOf(expr);
    t.ok(names.length > 0, alert);
    for (const name of names) t.ok(types.has(name), `${alert} reads ${name}`);
    t.match(annotations, { summary: /\w/, description: /\w/ });
  }
});

t.test('docs/observability.md has a row for every metric, with its type and labels', async (t) => {
  const rows = [...text('docs/observability.md').matchAll(/^\| `(gumbel_\w+)` \| (\w+) \|/gm)];
  t.same(
    Object.fromEntries(rows.map(([, name, type]) => [name, type])),
    Object.fromEntries(own.map((n) => [n, types.get(n)])),
  );
});
