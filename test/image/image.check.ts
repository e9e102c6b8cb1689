/**
 * The container image, built and run for real: `npm run test:image`. Not part of `npm test`, as it needs podman and
 * builds for minutes; docs/image-and-kubernetes.md says what to install.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { agree, type Exchange, exchangesOf } from '../support/exchanges.js';
import { buildImage, type Container, image, ownArchitecture, podman, startContainer, whatIsMissing } from './podman.js';

/** What docs/image-and-kubernetes.md promises: 400 MB. */
const imageBytesMax = 400e6;

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const { name, version } = JSON.parse(read('package.json')) as { name: string; version: string };
const firstExchange = exchangesOf(read('README.md'))[0] as Exchange;
const revision = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
const created = execFileSync('git', ['show', '--no-patch', '--format=%cI'], { encoding: 'utf8' }).trim();

interface Inspected {
  readonly Size: number;
  readonly Config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
    readonly ExposedPorts: Readonly<Record<string, unknown>>;
  };
  readonly Healthcheck: { readonly Test: readonly string[] };
}

const missing = await whatIsMissing();
if (missing !== undefined) {
  t.fail(`the image was neither built nor run: ${missing}`);
} else {
  await buildImage(image, ownArchitecture, { VERSION: version, REVISION: revision, CREATED: created });
  const [inspected] = JSON.parse(await podman('image', 'inspect', image)) as [Inspected];
  checkDescription(inspected);
  await checkService(inspected.Healthcheck.Test.slice(1));
}

function checkDescription({ Size, Config }: Inspected): void {
  t.test('the image is small, runs as a user by number and says what it is', async (t) => {
    t.comment(`${(Size / 1e6).toFixed(0)} MB`);
    t.ok(Size < imageBytesMax, `${Size} bytes are fewer than ${imageBytesMax}`);
    t.equal(Config.User, '1000:1000');
    t.ok(Config.Env.includes('DRAIN_DELAY_MS=5000'), 'it drains before it stops');
    t.same(Object.keys(Config.ExposedPorts), ['8080/tcp']);
    t.match(Config.Labels, {
      'org.opencontainers.image.title': name,
      'org.opencontainers.image.description': /replayable/,
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.revision': revision,
      'org.opencontainers.image.created': created,
      'org.opencontainers.image.base.name': process.env.NODE_IMAGE ?? /24-bookworm-slim$/,
    });
  });
}

async function checkService(healthCheck: readonly string[]): Promise<void> {
  const container = await startContainer();
  t.teardown(container.remove);
  await checkFiles(container);
  await checkBillOfMaterials(container);
  await checkConfinement(container);
  await t.test("it answers the README's first curl", async (t) => {
    const { url, body, reply } = firstExchange;
    const headers = { 'content-type': 'application/json' };
    const answer = await (await fetch(container.url + url, { method: 'POST', headers, body })).json();
    t.ok(agree(answer, JSON.parse(reply)), JSON.stringify(answer));
  });
  await t.test('its health check passes while it serves, and fails where nothing does', async (t) => {
    const { port } = new URL(container.url);
    t.equal((await container.exec('env', `PORT=${port}`, ...healthCheck)).code, 0);
    t.equal((await container.exec('env', 'PORT=1', ...healthCheck)).code, 1);
  });
  await checkStop(container);
  await checkSecondSignal();
}

/** Evaluates an expression of JavaScript inside the container. */
async function evaluate(container: Container, expression: string): Promise<unknown> {
  const { code, output } = await container.exec('node', '--print', `JSON.stringify(${expression})`);
  if (code !== 0) throw new Error(output);
  return JSON.parse(output);
}

function checkFiles(container: Container) {
  return t.test('it holds what the service needs on this platform, and nothing else', async (t) => {
    const native = 'node_modules/onnxruntime-node/bin/napi-v6';
    const platforms = `fs.globSync('*/*', { cwd: '${native}' })`;
    t.same(await evaluate(container, platforms), [`${process.platform}/${process.arch}`], 'ONNX Runtime');
    const own = ['LICENSE', 'dist', 'node_modules', 'package.json', 'sbom.cdx.json'];
    t.same(await evaluate(container, "fs.readdirSync('.').sort()"), own);
    t.same(
      await evaluate(container, "fs.readdirSync('dist').sort()"),
      ['public', 'src'],
      'no tests, benchmarks or scripts',
    );
    for (const command of ['npm', 'npx', 'yarn', 'corepack']) {
      t.not((await container.exec('sh', '-c', `command -v ${command}`)).code, 0, `no ${command}`);
    }
  });
}

function checkBillOfMaterials(container: Container) {
  return t.test('its bill of materials lists every installed package, and no other', async (t) => {
    const file = (path: string) => `JSON.parse(fs.readFileSync('${path}'))`;
    const components = `${file('sbom.cdx.json')}.components.map(({ purl }) => purl)`;
    const packages = `Object.entries(${file('node_modules/.package-lock.json')}.packages)`;
    const listed = ((await evaluate(container, components)) as string[]).map(decodeURIComponent);
    const installed = ((await evaluate(container, packages)) as [string, { version: string }][]).map(
      ([path, { version }]) => `pkg:npm/${path.split('node_modules/').at(-1)}@${version}`,
    );
    t.ok(installed.some((purl) => purl.startsWith('pkg:npm/onnxruntime-node@')));
    t.same(new Set(listed.toSorted()), new Set(installed.toSorted()));
  });
}

function checkConfinement(container: Container) {
  return t.test('it runs as non-root, without capabilities and with nothing to write to', async (t) => {
    const status = (await container.exec('cat', '/proc/1/status')).output;
    t.match(status, /^Uid:\t1000\t1000\t1000\t1000$/m);
    t.match(status, /^CapEff:\t0+$/m);
    t.match(status, /^NoNewPrivs:\t1$/m);
    for (const folder of ['/app', '/tmp', '/home/node']) {
      const { code, output } = await container.exec('touch', `${folder}/file`);
      t.equal(code, 1);
      t.match(output, /Read-only file system/, folder);
    }
  });
}

function checkStop(container: Container) {
  return t.test('on SIGTERM it is unready, goes on serving, and exits with 0', async (t) => {
    const status = async (path: string) => (await fetch(container.url + path)).status;
    t.equal(await status('/readyz'), 200);
    await container.signal('TERM');
    // The signal is on its way; the drain of the image lasts 5 seconds from its arrival.
    while ((await status('/readyz')) === 200);
    t.equal(await status('/readyz'), 503);
    t.equal(await status('/livez'), 200);
    t.equal(await container.exit, 0);
  });
}

/**
 * Process 1 of a container does not hear signals of its own, and ONNX Runtime aborts a process that exits while it
 * draws.
 */
function checkSecondSignal() {
  return t.test('a second signal, SIGINT, ends it at once with 130, while it draws', async (t) => {
    const container = await startContainer();
    t.teardown(container.remove);
    // Half a second of work each, so that the worker is busy when the second signal comes.
    const body = JSON.stringify({ logits: Array(1024).fill(0), num_samples: 131_072, return: ['indices'] });
    const headers = { 'content-type': 'application/json' };
    const draws = Array.from({ length: 8 }, () => fetch(`${container.url}/sample`, { method: 'POST', headers, body }));
    const ends = Promise.allSettled(draws);
    await Promise.race(draws);
    await container.signal('TERM');
    await container.signal('INT');
    t.equal(await container.exit, 130);
    await ends;
  });
}
