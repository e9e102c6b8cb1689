/** The callers of a key file, and what the log says when it changes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { openAccess } from '../../src/access/access.js';

const folder = mkdtempSync(join(tmpdir(), 'open-access-'));
t.teardown(() => rmSync(folder, { recursive: true }));

const lineFor = (name: string) => `${name}:${'0'.repeat(64)}\n`;
const wait = async () => {};

t.test('callers come and go with the file, and the log says how many keys there are or what is wrong', async (t) => {
  const path = join(folder, 'keys');
  writeFileSync(path, lineFor('alice'));
  const lines: object[] = [];
  const logger = pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const removed: string[] = [];
  const options = {
    quotaElementsPerMinute: 0,
    now: () => 0,
    drawn: () => {},
    removed: (name: string) => removed.push(name),
  };
  const access = await openAccess(path, options, logger, { wait });
  t.same(lines, []);
  writeFileSync(path, lineFor('bob') + lineFor('carol'));
  await access.check();
  t.same(removed, ['alice']);
  t.same(lines, [{ level: 30, path, keys: 2, msg: 'the API keys changed' }]);
  writeFileSync(path, 'bob');
  await access.check();
  const reason = 'line 1 is not name:sha256, 64 hexadecimal digits, perhaps :elements_per_minute';
  const msg = 'the key file is invalid: the previous API keys stay valid';
  t.same(lines[1], { level: 50, path, reason, msg });
  writeFileSync(path, lineFor('bob') + lineFor('carol'));
  t.equal(access.reading(), false);
  const checking = access.check();
  t.equal(access.reading(), true);
  await access.close();
  t.equal(access.reading(), false, 'the close waits for the read');
  await checking;
});

t.test('what is wrong at the start is thrown', async (t) => {
  const options = { quotaElementsPerMinute: 0, now: () => 0, drawn: () => {}, removed: () => {} };
  await t.rejects(openAccess(join(folder, 'nowhere'), options, pino({ level: 'silent' })), /^ENOENT/);
});
