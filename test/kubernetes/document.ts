/**
 * docs/kubernetes-start.md, its commands run one after the other in one shell as its reader would: from an empty
 * namespace to a draw with a key over TLS. Then what it says of keys, and how the process of the pod is confined.
 */
import { execFile } from 'node:child_process';
import { copyFileSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { startService } from '../support/service.js';
import { type Context, untilSettled } from './context.js';
import { eventually } from './eventually.js';
import { blocksOf, read } from './manifests.js';
import { Client } from './over-tls.js';

const execute = promisify(execFile);

/** What the document sets, and where its draw goes. */
export const host = 'sampling.example.com';
export const namespace = 'gumbel-sampler';
const body = { logits: [1, 0.5, -1], seed: 42 };

/** Between the outputs of the parts of the script. */
const mark = '== next part';

/** The shell's curl says the status of the reply below it. */
const prelude = `set -euo pipefail
curl() { command curl --silent --show-error --write-out '\\n%{http_code}\\n' "$@"; }
`;

interface Output {
  readonly draw: string;
  readonly withoutKey: string;
}

async function followDocument({ cluster, manifests }: Context): Promise<Output> {
  const blocks = blocksOf(read('docs/kubernetes-start.md'), 'sh');
  const [draw = '', addKey = ''] = blocks.splice(-2);
  const withoutKey = draw.replace(' -H "authorization: Bearer $key"', '');
  if (withoutKey === draw) throw new Error(`The document draws without a key:\n${draw}`);
  const keys = 'printf %s "$key" > first-key; printf %s "$second" > second-key';
  const parts = [blocks.join('\n'), draw, withoutKey, `${addKey}\n${keys}`];
  const script = prelude + parts.join(`\necho '${mark}'\n`);
  // The document sets the namespace of the context; the other checks name theirs.
  const own = join(manifests.root, 'kubeconfig-of-the-reader');
  copyFileSync(String(cluster.environment.KUBECONFIG), own);
  const env = { ...cluster.environment, KUBECONFIG: own };
  const { stdout } = await execute('bash', ['-c', script], { cwd: manifests.root, env });
  const [, ofDraw = '', ofWithoutKey = ''] = stdout.split(`${mark}\n`);
  return { draw: ofDraw, withoutKey: ofWithoutKey };
}

/** With a key and the certificate that the document has made; the check of the roll-out draws with it, too. */
export function clientOf({ manifests }: Context, key: 'first-key' | 'second-key'): Client {
  const file = (name: string) => readFileSync(join(manifests.root, name), 'utf8');
  return new Client(host, file('tls.crt'), file(key));
}

async function checkConfinement(t: Test, context: Context): Promise<void> {
  // The autoscaler makes two pods of the one that a Deployment begins with.
  await untilSettled(context, namespace, 'gumbel-sampler');
  const pids = context.kubelet.pids(namespace);
  t.equal(pids.length, 2);
  for (const pid of pids) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    t.match(status, /^Uid:\t1000\t1000\t1000\t1000$/m);
    t.match(status, /^Gid:\t1000\t1000\t1000\t1000$/m);
    t.match(status, /^CapEff:\t0+$/m);
    t.match(status, /^CapBnd:\t0+$/m);
    t.match(status, /^NoNewPrivs:\t1$/m);
    t.match(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'), /^\d+ \d+ \S+ \S+ \/ ro\b/m, 'the root is read-only');
    const file = statSync(`/proc/${pid}/root/etc/gumbel-sampler/api-keys`);
    t.same([file.mode & 0o777, file.uid, file.gid], [0o440, 0, 1000], 'the keys are those of root and of the group');
  }
}

export async function checkDocument(t: Test, context: Context): Promise<void> {
  const startMs = performance.now();
  const output = await followDocument(context);
  t.comment(`from the first command to the last: ${((performance.now() - startMs) / 1000).toFixed(0)} s`);

  await t.test('the draw of the document, with the key and without', async (t) => {
    const { app, close } = await startService();
    t.teardown(close);
    const expected = (await app.inject({ method: 'POST', url: '/sample', payload: body })).json();
    const [reply = '', status] = output.draw.trim().split('\n').slice(-2);
    t.equal(status, '200');
    t.same(JSON.parse(reply), expected, 'the draw of that seed');
    const [problem = '', refused] = output.withoutKey.trim().split('\n').slice(-2);
    t.equal(refused, '401');
    t.match(JSON.parse(problem), { code: 'unauthenticated' });
  });

  await t.test('probes and metrics stay inside', async (t) => {
    const client = clientOf(context, 'first-key');
    t.teardown(() => client.close());
    for (const path of ['/metrics', '/livez', '/readyz']) t.equal((await client.ask(path)).status, 404, path);
    t.equal((await client.ask('/openapi.json')).status, 200);
  });

  await t.test('a key that is added is taken without a restart', async (t) => {
    const second = clientOf(context, 'second-key');
    t.teardown(() => second.close());
    const taken = async () => (await second.ask('/sample', body)).status === 200;
    await eventually('the second key draws', taken);
    t.same(context.kubelet.endings, []);
  });

  await t.test('the process runs as the manifest says', (t) => checkConfinement(t, context));
}
