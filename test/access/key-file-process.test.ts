/** A key file that hangs, and the service as a process: it refuses to start, or stops all the same. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { run, start } from '../support/server-process.js';

const folder = mkdtempSync(join(tmpdir(), 'key-file-'));
t.teardown(() => rmSync(folder, { recursive: true }));

const lineFor = (name: string) => `${name}:${'0'.repeat(64)}\n`;

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
