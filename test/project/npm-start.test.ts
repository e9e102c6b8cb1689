/**
 * `npm start` as a process manager and a terminal see it, in a copy of the project: the first one builds, for real, the
 * second one does not; a signal to npm, or to all of its processes, drains the service, and nothing is left.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import t from 'tap';
import { copyProject } from '../support/project-copy.js';

const copy = copyProject();
t.teardown(copy.remove);

interface Npm {
  readonly child: ChildProcess;
  readonly url: string;
  readonly pid: number;
  readonly messages: string[];
  readonly stderr: () => string;
  /** The exit code or the signal of npm. */
  readonly exit: Promise<unknown[]>;
}

/** Runs `npm start`; resolves once the service serves. */
async function npmStart(): Promise<Npm> {
  const child = copy.npm('start');
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const exit = once(child, 'close');
  const messages: string[] = [];
  const [url, pid] = await new Promise<[string, number]>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      // npm prints the script before the service prints its log.
      if (!line.startsWith('{')) return;
      const { msg, pid } = JSON.parse(line) as { msg: string; pid: number };
      messages.push(msg);
      const address = /serving at (\S+)/.exec(msg)?.[1];
      if (address) resolve([address, pid]);
    });
    exit.then(() => reject(new Error(`npm start ended: ${stderr}`)));
  });
  return { child, url, pid, messages, stderr: () => stderr, exit };
}

/** A draw that is under way when this resolves; it takes a quarter of a second. */
async function drawUnderWay(url: string): Promise<{ readonly draw: Promise<Response> }> {
  const body = JSON.stringify({ logits: Array(1000).fill(0), num_samples: 50_000, return: ['indices'] });
  const draw = fetch(`${url}/sample`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  while ((await fetch(`${url}/livez`)).status !== 200);
  return { draw };
}

t.test('the first start builds, and only the first', async (t) => {
  for (const built of ['build:wasm\nbuild:clients\nbuild:service\nbuild:explore\n', '']) {
    const { child, stderr, exit } = await npmStart();
    t.equal(stderr(), built);
    child.kill('SIGTERM');
    t.same(await exit, [0, null]);
  }
});

const stops = [
  ['SIGTERM to npm, as a process manager sends it', (npm: Npm) => npm.child.kill('SIGTERM')],
  ['SIGINT to npm', (npm: Npm) => npm.child.kill('SIGINT')],
  ['SIGTERM to every process, as systemd sends it', (npm: Npm) => process.kill(-(npm.child.pid as number), 'SIGTERM')],
  ['Ctrl-C, which is SIGINT to every process', (npm: Npm) => process.kill(-(npm.child.pid as number), 'SIGINT')],
] as const;

for (const [name, stop] of stops) {
  t.test(`${name}: what is in flight is answered, npm ends with 0, and nothing is left`, async (t) => {
    const npm = await npmStart();
    const { draw } = await drawUnderWay(npm.url);
    stop(npm);
    t.equal((await draw).status, 200);
    t.same(await npm.exit, [0, null]);
    t.equal(npm.messages.at(-1), 'stopped');
    t.throws(() => process.kill(npm.pid, 0), { code: 'ESRCH' }, 'the service has gone');
    t.throws(() => process.kill(-(npm.child.pid as number), 0), { code: 'ESRCH' }, 'and every process of npm');
    t.equal(npm.stderr(), '');
  });
}
