/**
 * `npm run dev` as a terminal sees it, in a copy of the project: a change restarts the service, one that does not
 * compile shows its error and stops nothing, and one Ctrl-C ends every process.
 */
import { once } from 'node:events';
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import t from 'tap';
import { copyProject } from '../support/project-copy.js';

const copy = copyProject();
t.teardown(copy.remove);
const server = join(copy.folder, 'src/server.ts');
const text = readFileSync(server, 'utf8');

const child = copy.npm('run', 'dev');
const group = -(child.pid as number);
const exit = once(child, 'close');
t.teardown(() => {
  try {
    process.kill(group, 'SIGKILL');
  } catch {
    // All have ended, as they should.
  }
});

/** Gives what a stream brings, match by match. The two streams have no common order. */
function matcher(stream: Readable): (pattern: RegExp) => Promise<RegExpExecArray> {
  let text = '';
  stream.on('data', (chunk) => {
    text += chunk;
  });
  return async (pattern) => {
    for (;;) {
      const found = pattern.exec(text);
      if (found) {
        text = text.slice(found.index + found[0].length);
        return found;
      }
      if (stream.readableEnded) throw new Error(`npm run dev ended before ${pattern}: ${text}`);
      await Promise.race([once(stream, 'data'), once(stream, 'end')]);
    }
  };
}

const logged = matcher(child.stdout);
const said = matcher(child.stderr);

async function serving(): Promise<{ readonly pid: number; readonly url: string }> {
  const [, pid, url = ''] = await logged(/INFO \((\d+)\): serving at (\S+)/);
  return { pid: Number(pid), url };
}

const statusOf = async (url: string) => (await fetch(`${url}/livez`)).status;

const first = await serving();

t.test('a change that does not compile shows the error, and the service runs on', async (t) => {
  appendFileSync(server, "\nconst wrong: number = 'text';\nprocess.exitCode = wrong;\n");
  await said(/src\/server\.ts.*TS2322/);
  await said(/The build failed\. Waiting for a change\./);
  t.equal(await statusOf(first.url), 200);
});

t.test('the next change that compiles is served, also where an editor replaces the file', async (t) => {
  writeFileSync(`${server}~`, `${text}\nconsole.error('the changed source');\n`);
  renameSync(`${server}~`, server);
  await logged(/INFO \(\d+\): stopped/);
  const { pid, url } = await serving();
  await said(/the changed source/);
  t.not(pid, first.pid);
  t.equal(await statusOf(url), 200);
  t.throws(() => process.kill(first.pid, 0), { code: 'ESRCH' }, 'the old one has gone');
});

t.test('a service that fails to start is started again after a change', async (t) => {
  writeFileSync(server, `process.exit(3);\n${text}`);
  await said(/The service ended: code 3\. It starts again after the next change\./);
  writeFileSync(server, text);
  t.equal(await statusOf((await serving()).url), 200);
});

t.test('one Ctrl-C, which is SIGINT to every process, stops all of them cleanly', async (t) => {
  process.kill(group, 'SIGINT');
  t.same(await exit, [0, null]);
  await logged(/INFO \(\d+\): stopped/);
  t.throws(() => process.kill(group, 0), { code: 'ESRCH' }, 'nothing is left');
});
