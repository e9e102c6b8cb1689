/**
 * What GitHub reads: forms that ask for a replay, workflows that run the gate with the least rights, and updates of
 * packages.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';

const urlOf = (path: string) => new URL(`../../../${path}`, import.meta.url);
const read = (path: string) => parse(readFileSync(urlOf(path), 'utf8'));

t.test('every form has a name, and fields with labels and ids of their own', async (t) => {
  for (const file of readdirSync(urlOf('.github/ISSUE_TEMPLATE'))) {
    const { name, description, body } = read(`.github/ISSUE_TEMPLATE/${file}`);
    t.ok(name && description, file);
    t.ok(body.every((field: { attributes: { label: string } }) => field.attributes.label));
    t.equal(new Set(body.map(({ id }: { id: string }) => id)).size, body.length);
  }
});

t.test('workflows read, run the scripts of .ci, and name the version of each action', async (t) => {
  for (const [file, script] of [
    ['ci.yml', '.ci/run'],
    ['nightly.yml', '.ci/nightly'],
  ] as const) {
    const { permissions, jobs } = read(`.github/workflows/${file}`);
    t.same(permissions, { contents: 'read' });
    const steps = (Object.values(jobs) as { steps: { uses?: string; run?: string }[] }[]).flatMap(({ steps }) => steps);
    t.equal(steps.at(-1)?.run, script);
    t.ok(existsSync(urlOf(script)));
    for (const { uses } of steps) if (uses) t.match(uses, /^actions\/[a-z-]+@v\d+$/);
  }
});

t.test('Dependabot looks after packages, actions and images', async (t) => {
  const { version, updates } = read('.github/dependabot.yml');
  t.equal(version, 2);
  t.same(
    updates.map((entry: Record<string, string>) => entry['package-ecosystem']),
    ['npm', 'github-actions', 'docker'],
  );
});
