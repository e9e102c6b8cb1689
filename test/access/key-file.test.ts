/**
 * The key file while it is written, when it is no file, and when reading it hangs: the keys in force are always those
 * of a whole file.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { ApiKey } from '../../src/access/api-keys.js';
import { KeyFile, type KeyFileParts } from '../../src/access/key-file.js';
import { run, start } from '../support/server-process.js';

const folder = mkdtempSync(join(tmpdir(), 'key-file-'));
t.teardown(() => rmSync(folder, { recursive: true }));

const lineFor = (name: string, quota = '') => `${name}:${'0'.repeat(64)}${quota}\n`;

/** A key file whose reads are given; `news` is what whoever watches it was told. */
async function opened(parts: KeyFileParts, path = '/nowhere') {
  let keys: readonly ApiKey[] = [];
  const news: string[] = [];
  const replace = (replaced: readonly ApiKey[]) => {
    keys = replaced;
  };
  const changed = (outcome: { readonly keys: number } | { readonly error: Error }) =>
    void news.push('keys' in outcome ? `${outcome.keys} keys` : outcome.error.message);
  const file = await KeyFile.open({ path, replace, changed }, parts);
  return { file, news, names: () => keys.map(({ name }) => name).join(), keys: () => keys };
}

/** Gives one text after the other, the last for ever. */
function texts(...all: string[]) {
  return async () => (all.length > 1 ? (all.shift() as string) : all[0]);
}

const wait = async () => {};

t.test('a file cut anywhere while it is written in place is never taken over', async (t) => {
  const old = lineFor('old');
  const whole = lineFor('alice', ':6000') + lineFor('bob') + lineFor('carol');
  for (let length = 0; length < whole.length; length++) {
    // Emptied and half written when it is looked at, and whole a moment later.
    const { file, names, keys, news } = await opened({ read: texts(old, whole.slice(0, length), whole), wait });
    await file.check();
    file.close();
    if (names() !== 'alice,bob,carol' || keys()[0]?.elementsPerMinute !== 6000) t.fail(`cut at ${length}: ${names()}`);
    if (news.join() !== '3 keys') t.fail(`cut at ${length}: ${news.join()}`);
  }
  t.pass('whatever its length');
});

t.test('between two reads that are to agree it waits a second', async (t) => {
  const waits: number[] = [];
  const { file, names } = await opened({
    read: texts(lineFor('a'), lineFor('b')),
    wait: async (ms) => void waits.push(ms),
  });
  await file.check();
  t.equal(names(), 'b');
  t.same(waits, [1000]);
  await file.check();
  t.same(waits, [1000], 'a file that has not changed is read once');
  file.close();
});

t.test(
  'a file that never stays the same leaves the old keys and one line, and is taken over once it does',
  async (t) => {
    let writes = 0;
    let settled = false;
    const read = async () => (settled || writes++ === 0 ? lineFor(`done${settled}`) : lineFor(`w${writes}`));
    const { file, names, news } = await opened({ read, wait });
    await file.check();
    await file.check();
    t.equal(names(), 'donefalse');
    t.same(news, ['it changed at every read: rename a complete file over it']);
    settled = true;
    await file.check();
    t.equal(names(), 'donetrue');
    file.close();
  },
);

t.test('a read that hangs: one line, no second read beside it, and reloading goes on when it is over', async (t) => {
  let reads = 0;
  let release = (_text: string) => {};
  const read = () => {
    reads += 1;
    if (reads !== 2) return Promise.resolve(lineFor(reads === 1 ? 'old' : 'new'));
    return new Promise<string>((resolve) => {
      release = resolve;
    });
  };
  const { file, names, news } = await opened({ read, wait, readMsMax: 1 });
  for (let look = 0; look < 5; look++) await file.check();
  t.equal(reads, 2, 'five looks, one read');
  t.same(news, ['it could not be read within 1 ms']);
  t.equal(names(), 'old');
  release(lineFor('stale'));
  await new Promise(setImmediate);
  await file.check();
  t.equal(names(), 'new');
  file.close();
});

t.test('a pipe, a folder or a device in its place is told at once, and a file that comes back is read', async (t) => {
  const path = join(folder, 'keys');
  writeFileSync(path, lineFor('old'));
  const { file, names, news } = await opened({ wait }, path);
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  renameSync(join(folder, 'pipe'), path);
  await file.check();
  await file.check();
  t.same(news, ['it is not a regular file']);
  t.equal(names(), 'old');
  rmSync(path);
  writeFileSync(path, lineFor('new'));
  await file.check();
  t.equal(names(), 'new');
  file.close();
  for (const other of [folder, '/dev/zero']) {
    await t.rejects(opened({}, other), { message: 'it is not a regular file' }, other);
  }
});

t.test(
  'a pipe at the start is exit code 78; one that takes the place of the file later holds up no stop',
  async (t) => {
    const pipe = join(folder, 'pipe-at-start');
    execFileSync('mkfifo', [pipe]);
    const { exit, stderr } = run({ API_KEYS_FILE: pipe });
    t.same(await exit, [78, null]);
    t.match(stderr(), /but it is not a regular file\n$/);
    const path = join(folder, 'replaced');
    writeFileSync(path, lineFor('old'));
    const service = await start({ API_KEYS_FILE: path });
    renameSync(pipe, path);
    // Looked at every 5 seconds.
    while (!service.lines.some(({ msg }) => String(msg).startsWith('the key file is invalid'))) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    service.child.kill('SIGTERM');
    t.same(await service.exit, [0, null]);
  },
);

t.test('a thread that hangs in reading the file holds up no stop', async (t) => {
  const path = join(folder, 'hangs');
  const pipe = join(folder, 'pipe-that-hangs');
  execFileSync('mkfifo', [pipe]);
  writeFileSync(path, lineFor('old'));
  // As on a network file system that has gone: after the start, opening the file waits in open(2) for ever.
  const script = `import fs from 'node:fs'; import { syncBuiltinESMExports } from 'node:module'; import { isMainThread } from 'node:worker_threads';
    const { open } = fs.promises;
    let opened = 0;
    if (isMainThread) fs.promises.open = (path, ...rest) =>
      path === ${JSON.stringify(path)} && opened++ > 0 ? open(${JSON.stringify(pipe)}, 'r') : open(path, ...rest);
    syncBuiltinESMExports();`;
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(script)}`;
  const { child, lines, exit } = await start({ API_KEYS_FILE: path, NODE_OPTIONS });
  while (!lines.some(({ reason }) => reason === 'it could not be read within 2000 ms')) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.kill('SIGTERM');
  // Before Node.js 22.15 a process with a thread that cannot be ended can only kill itself.
  t.same(await exit, 'execve' in process ? [0, null] : [null, 'SIGKILL']);
  t.equal(lines.at(-1)?.msg, 'stopped');
});
