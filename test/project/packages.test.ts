/** What package-lock.json names installs without a warning on every Node.js that package.json promises. */
import { readFileSync } from 'node:fs';
import semver from 'semver';
import t from 'tap';

interface Package {
  readonly version?: string;
  readonly deprecated?: string;
  readonly hasInstallScript?: boolean;
  readonly engines?: { readonly node?: string };
  readonly os?: readonly string[];
}

const npmSettings = readFileSync(new URL('../../../.npmrc', import.meta.url), 'utf8');
const read = (path: string) => JSON.parse(readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8'));
const { engines, allowScripts } = read('package.json') as {
  engines: { node: string };
  allowScripts: Record<string, boolean>;
};
const packages = Object.entries((read('package-lock.json') as { packages: Record<string, Package> }).packages);

t.test('every package runs on the oldest Node.js that is promised, and on the newest it was tried on', async (t) => {
  const oldest = semver.minVersion(engines.node)?.version as string;
  t.equal(oldest, '20.19.0');
  for (const node of [oldest, '22.23.3', '24.21.0', '26.12.1']) {
    const wrong = packages.filter(([, { engines }]) => engines?.node && !semver.satisfies(node, engines.node));
    t.same(
      wrong.map(([path, { engines }]) => `${path} needs ${engines?.node}`),
      [],
      node,
    );
  }
});

t.test('no package is deprecated', async (t) => {
  t.same(
    packages.filter(([, { deprecated }]) => deprecated !== undefined).map(([path]) => path),
    [],
  );
});

t.test('no package runs a script when it is installed: each that has one is refused by name', async (t) => {
  for (const [path, { hasInstallScript }] of packages) {
    if (hasInstallScript) t.equal(allowScripts[path.split('node_modules/').at(-1) as string], false, path);
  }
  t.match(npmSettings, /^ignore-scripts=true$/m);
});

t.test('an installation advertises nothing: neither funding, nor audits, nor a newer npm', async (t) => {
  for (const name of ['audit', 'fund', 'update-notifier']) t.match(npmSettings, new RegExp(`^${name}=false$`, 'm'));
});
