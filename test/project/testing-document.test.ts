/** docs/testing.md names every script that tests, every step of the night, and the versions that are pinned. */
import { readFileSync } from 'node:fs';
import t from 'tap';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const text = read('docs/testing.md');

t.test('every script that tests is in the table', async (t) => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const testing = Object.keys(scripts).filter((name) => /^(test|verify|lint|typecheck)(:|$)/.test(name));
  t.ok(testing.length > 10);
  for (const name of testing) {
    const command = name === 'test' ? 'npm test' : `npm run ${name}`;
    t.ok(text.includes(`\`${command}\``), command);
  }
});

t.test('every step of the night is there with its last outcome', async (t) => {
  const steps = /^all=\((.*)\)$/m.exec(read('.ci/nightly'))?.[1]?.split(' ') ?? [];
  t.ok(steps.length > 0);
  for (const step of steps) t.match(text, new RegExp(`^\\| ${step} \\| .+ \\|$`, 'm'), step);
});

t.test('the versions are those that are pinned', async (t) => {
  const { dependencies, devDependencies } = JSON.parse(read('test/generated/typescript/package.json'));
  const pinned: [string, string][] = Object.entries({ ...dependencies, ...devDependencies });
  for (const folder of ['python', 'schemathesis']) {
    pinned.push(read(`test/generated/${folder}/requirements.txt`).trim().split('==') as [string, string]);
  }
  const [, oapiCodegen = ''] = /oapi-codegen@v([\d.]+)/.exec(read('test/generated/run.ts')) ?? [];
  pinned.push(['oapi-codegen', oapiCodegen]);
  for (const library of ['native', 'okhttp-gson']) {
    const pom = read(`test/generated/java/${library}/pom.xml`);
    const [, version = ''] = /openapi-generator-maven-plugin<\/artifactId>\s*<version>([\d.]+)/.exec(pom) ?? [];
    pinned.push(['openapi-generator', version]);
  }
  t.equal(pinned.length, 8);
  for (const [name, version] of pinned) t.ok(text.includes(`${name} ${version}`), `${name} ${version}`);
});
