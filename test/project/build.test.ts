/**
 * `npm run build`: each step runs when something that it depends on has changed, and not otherwise. The script is the
 * real one, in a small project whose steps copy their sources and say that they ran.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const script = fileURLToPath(new URL('../../../scripts/build.mjs', import.meta.url));
const project = mkdtempSync(join(tmpdir(), 'build-'));
t.teardown(() => rmSync(project, { recursive: true, force: true }));
const at = (path: string) => join(project, path);

function write(path: string, text: string): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text);
}

/** What stands for the compilers: it writes what they would write. */
const compiler = `
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
const step = process.argv[2];
appendFileSync('ran', step + ' ');
if (readFileSync('broken', 'utf8') === step) process.exit(1);
if (step === 'wasm') cpSync('src/codec/assembly/codec.ts', 'dist/src/codec/codec.wasm');
if (step === 'clients') cpSync('clients/typescript/src', 'clients/typescript/dist', { recursive: true });
if (step === 'explore') cpSync('explore', 'dist/public', { recursive: true });
if (step === 'service') {
  mkdirSync('dist/test', { recursive: true });
  for (const folder of ['src', 'test']) for (const name of readdirSync(folder)) {
    if (name.endsWith('.ts')) cpSync(folder + '/' + name, 'dist/' + folder + '/' + name.replace('.ts', '.js'));
  }
}`;

const scripts = Object.fromEntries(
  ['wasm', 'clients', 'service', 'explore'].map((step) => [`build:${step}`, `node compiler.mjs ${step}`]),
);
write('package.json', JSON.stringify({ scripts, devDependencies: { compiler: '1.0.0' } }));
write('package-lock.json', '{}');
write('node_modules/compiler/package.json', '{ "version": "1.0.0" }');
write('tsconfig.json', '{ "include": ["src", "test", "bench"], "exclude": ["src/**/assembly/**", "test/apart"] }');
write('src/server.ts', 'server');
write('src/codec/assembly/codec.ts', 'codec');
write('src/codec/assembly/asconfig.json', '{ "options": { "outFile": "../../../dist/src/codec/codec.wasm" } }');
write('test/server.test.ts', 'a test');
// Compiled on its own: nothing in dist comes from it.
write('test/apart/call.ts', 'a program with packages of its own');
write('test/old.test.ts', 'another');
write('clients/typescript/src/client.ts', 'client');
write('explore/page.ts', 'page');
write('explore/icon.svg', 'icon');
write('compiler.mjs', compiler);
write('broken', '');
mkdirSync(at('scripts'));
cpSync(script, at('scripts/build.mjs'));

/** Builds; gives the exit code and the steps that ran. */
function build(environment: Record<string, string> = {}): [code: number | null, steps: string] {
  write('ran', '');
  const { status } = spawnSync(process.execPath, [at('scripts/build.mjs')], {
    env: { ...process.env, ...environment },
  });
  return [status, readFileSync(at('ran'), 'utf8').trim()];
}

const otherNode = `--import=data:text/javascript,${encodeURIComponent(
  "Object.defineProperty(process, 'version', { value: 'v99.0.0' });",
)}`;

t.test('everything is built at first, and nothing when nothing has changed', async (t) => {
  t.same(build(), [0, 'wasm clients service explore']);
  t.same(build(), [0, '']);
});

t.test('a step runs when something that it depends on has changed', async (t) => {
  const changes: readonly (readonly [what: string, change: () => void, steps: string])[] = [
    ['a source', () => write('src/server.ts', 'a server'), 'service'],
    ['a new source', () => write('src/config.ts', 'config'), 'service'],
    ['a kernel', () => write('src/codec/assembly/codec.ts', 'another codec'), 'wasm'],
    ['the client', () => write('clients/typescript/src/client.ts', 'another client'), 'clients explore'],
    ['a source that the client shares', () => write('src/errors.ts', 'errors'), 'clients service explore'],
    ['the page', () => write('explore/page.ts', 'another page'), 'explore'],
    [
      'the configuration of the compiler',
      () => write('tsconfig.json', '{ "include": ["src", "test"], "exclude": ["test/apart"] }'),
      'clients service explore',
    ],
    ['a locked version', () => write('package-lock.json', '{ }'), 'wasm clients service explore'],
    [
      'an installed tool',
      () => write('node_modules/compiler/package.json', '{ "version": "1.0.1" }'),
      'wasm clients service explore',
    ],
    ['a result that has gone', () => rmSync(at('dist/src/server.js')), 'service'],
    ['a result that is another', () => appendFileSync(at('dist/src/codec/codec.wasm'), 'x'), 'wasm'],
    ['a client that has gone', () => rmSync(at('clients/typescript/dist'), { recursive: true }), 'clients'],
    ['a page that has gone', () => rmSync(at('dist/public'), { recursive: true }), 'explore'],
    ['all results have gone', () => rmSync(at('dist'), { recursive: true }), 'wasm clients service explore'],
  ];
  for (const [what, change, steps] of changes) {
    change();
    t.same(build(), [0, steps], what);
    t.same(build(), [0, ''], `${what}: once`);
  }
});

t.test('another Node.js builds anew', async (t) => {
  t.same(build({ NODE_OPTIONS: otherNode }), [0, 'wasm clients service explore']);
  t.same(build({ NODE_OPTIONS: otherNode }), [0, '']);
  t.same(build(), [0, 'wasm clients service explore']);
});

t.test('times do not count: what was touched, or copied with new times, is the same', async (t) => {
  for (const path of ['src/server.ts', 'dist/src/server.js']) write(path, readFileSync(at(path), 'utf8'));
  t.same(build(), [0, '']);
});

t.test('what was built of a source that has gone goes too, and nothing else', async (t) => {
  write('dist/test/deploy/rendered/base.ts', 'left by a test');
  rmSync(at('test/old.test.ts'));
  rmSync(at('explore/icon.svg'));
  t.same(build(), [0, 'service explore']);
  t.notOk(existsSync(at('dist/test/old.test.js')));
  t.notOk(existsSync(at('dist/public/icon.svg')));
  t.ok(existsSync(at('dist/test/server.test.js')));
  t.ok(existsSync(at('dist/test/deploy/rendered/base.ts')));
});

t.test('without the tools of development what was built still counts as built', async (t) => {
  rmSync(at('node_modules'), { recursive: true });
  t.same(build(), [0, '']);
});

t.test('a step that fails ends the build with 1, and runs again the next time', async (t) => {
  write('broken', 'service');
  write('src/server.ts', 'with a mistake');
  write('explore/page.ts', 'changed as well');
  t.same(build(), [1, 'service']);
  t.same(build(), [1, 'service']);
  write('broken', '');
  t.same(build(), [0, 'service explore']);
});

t.test('a signal during a step ends all of its processes and the build', async (t) => {
  const { scripts, ...rest } = JSON.parse(readFileSync(at('package.json'), 'utf8'));
  const waiting = 'node -e "console.error(process.pid); setInterval(() => {}, 1000)" && node compiler.mjs service';
  write('package.json', JSON.stringify({ ...rest, scripts: { ...scripts, 'build:wasm': waiting } }));
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const child = spawn(process.execPath, [at('scripts/build.mjs')], {
      env: process.env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let text = '';
    child.stderr.on('data', (chunk) => {
      text += chunk;
    });
    while (!/^\d+$/m.test(text)) await once(child.stderr, 'data');
    write('ran', '');
    child.kill(signal);
    t.same(await once(child, 'exit'), [null, signal]);
    // The pipe closes when the last process that holds it has ended; one that went on would hold this test until its
    // limit.
    if (!child.stderr.closed) await once(child.stderr, 'close');
    t.equal(readFileSync(at('ran'), 'utf8'), '', 'what would have come next does not');
  }
});

t.test(
  'every step of this project leaves all that it should: what lacks a result is built at each start',
  async (t) => {
    const stamps = JSON.parse(readFileSync(new URL('../../build.json', import.meta.url), 'utf8')) as {
      readonly script: string;
      readonly results?: string;
    }[];
    t.ok(stamps.length > 0);
    for (const { script, results } of stamps) t.ok(results, script);
  },
);
