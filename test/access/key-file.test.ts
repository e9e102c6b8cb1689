/**
 * The key file while it is written, when it is no file, and when reading it hangs: the keys in force are always those
 * of a whole file.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { ApiKey } from '../../src/access/api-keys.js';
import { KeyFile, type KeyFileParts } from '../../src/access/key-file.js';

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

/** Replaces the timer of the next key files; `ticks` are their callbacks, `cleared` counts the timers that ended. */
function intervals(t: Test) {
  const timers: { ticks: (() => unknown)[]; everyMs: unknown[]; unreferenced: number; cleared: number } = {
    ticks: [],
    everyMs: [],
    unreferenced: 0,
    cleared: 0,
  };
  const set = (tick: () => unknown, ms: unknown) => {
    timers.ticks.push(tick);
    timers.everyMs.push(ms);
    const timer = {
      unref: () => {
        timers.unreferenced += 1;
        return timer;
      },
    };
    return timer;
  };
  t.capture(globalThis, 'setInterval', set as never);
  t.capture(globalThis, 'clearInterval', () => void timers.cleared++);
  return timers;
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

t.test('the file is read every five seconds, until it is closed; that keeps no process alive', async (t) => {
  const timers = intervals(t);
  const { file, names } = await opened({ read: texts(lineFor('a'), lineFor('b')), wait });
  t.match(timers, { everyMs: [5000], unreferenced: 1, cleared: 0 });
  await timers.ticks[0]();
  t.equal(names(), 'b');
  await file.close();
  t.equal(timers.cleared, 1);
});

t.test('a file that is wrong at the start leaves no timer', async (t) => {
  const timers = intervals(t);
  await t.rejects(opened({ read: texts('alice') }), /^line 1 is not/);
  t.equal(timers.cleared, 1);
});

t.test('checks at once share one read', async (t) => {
  let reads = 0;
  const read = async () => {
    reads += 1;
    return lineFor('a');
  };
  const { file } = await opened({ read, wait });
  await Promise.all([file.check(), file.check()]);
  t.equal(reads, 2, 'one at the start');
  await file.check();
  t.equal(reads, 3, 'and then there is another check');
  await file.close();
});

t.test('a key that is wrong twice is one line, also after another failure, and again once it was right', async (t) => {
  const { file, news } = await opened({
    read: texts(lineFor('a'), 'b', 'b', 'b', 'b', '', '', 'b', 'b', lineFor('a'), 'b'),
    wait,
  });
  for (let look = 0; look < 6; look++) await file.check();
  const wrong = 'line 1 is not name:sha256, 64 hexadecimal digits, perhaps :elements_per_minute';
  t.same(news, [wrong, 'it has no key: add a line name:sha256', wrong, wrong]);
  await file.close();
});

t.test('a file is at most 256 KiB', async (t) => {
  const path = join(folder, 'large');
  const line = lineFor('alice');
  for (const bytes of [2 ** 18, 2 ** 18 + 1]) {
    writeFileSync(path, line + '#'.repeat(bytes - line.length));
    if (bytes === 2 ** 18) await (await opened({}, path)).file.close();
    else await t.rejects(opened({}, path), { message: 'it is larger than 262144 bytes' });
  }
});

t.test('a read that ends in time leaves no timer', async (t) => {
  const started = t.capture(globalThis, 'setTimeout', () => 'a timer');
  const cleared = t.capture(globalThis, 'clearTimeout');
  const { file } = await opened({ read: texts(lineFor('a')), wait, readMsMax: 12_345 });
  await new Promise(setImmediate);
  t.equal(started.args().filter(([, ms]) => ms === 12_345).length, 1);
  t.ok(cleared.args().some(([timer]) => (timer as unknown) === 'a timer'));
  await file.close();
});

t.test('the stop waits for a read that is pending, but no longer than for its time limit', async (t) => {
  let release = (_text: string) => {};
  let reads = 0;
  const read = () => {
    if (reads++ === 0) return Promise.resolve(lineFor('a'));
    return new Promise<string>((resolve) => {
      release = resolve;
    });
  };
  const limits: (() => void)[] = [];
  const startLimit = (late: (error: Error) => void, _ms: number, error: Error) => limits.push(() => late(error));
  t.capture(globalThis, 'setTimeout', startLimit as never);
  const { file } = await opened({ read, wait, readMsMax: 1 });
  t.equal(file.reading, false);
  void file.check();
  t.equal(file.reading, true);
  let closed = false;
  const closing = file.close().then(() => {
    closed = true;
  });
  await new Promise(setImmediate);
  t.equal(closed, false);
  for (const end of limits) end();
  await closing;
  t.equal(file.reading, true, 'it hangs');
  release(lineFor('a'));
  await new Promise(setImmediate);
  t.equal(file.reading, false);
});
