/** The packed TypeScript client on a page of another origin, in Chromium, against the real service. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { type Running, start } from '../support/server-process.js';
import { installPacked } from '../typescript-client/packed.js';
import { absent, launch } from './chromium.js';

if (absent) t.bailout(absent);
const project = await installPacked();

const page = `<!doctype html><title>client</title>
<script type="importmap">{ "imports": {
  "@gumbel-sampler/client": "/node_modules/@gumbel-sampler/client/dist/client.js",
  "@gumbel-sampler/client/noise": "/node_modules/@gumbel-sampler/client/dist/noise.js"
} }</script>`;
const types: Readonly<Record<string, string>> = { js: 'text/javascript', wasm: 'application/wasm' };

const files = createServer(({ url = '/' }, reply) => {
  const type = types[url.split('.').at(-1) as string];
  reply.setHeader('content-type', type ?? 'text/html');
  reply.end(type === undefined ? page : readFileSync(join(project.folder, url)));
});
await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
const service: Running = await start({ CORS_ORIGINS: origin });
const browser = await launch();
t.teardown(async () => {
  await browser.close();
  files.close();
  project.remove();
  service.child.kill('SIGTERM');
  await service.exit;
});

t.test('it draws, verifies and replays 10^6 values of noise, bit for bit', async (t) => {
  const context = await browser.open();
  const opened = await context.newPage();
  const faults: string[] = [];
  opened.on('pageerror', (error) => faults.push(String(error)));
  await opened.goto(origin);
  const result = await opened.evaluate(`(async () => {
    const { Client } = await import('@gumbel-sampler/client');
    const { loadNoise } = await import('@gumbel-sampler/client/noise');
    const client = new Client('${service.url}');
    const terms = { seed: 2n ** 64n - 1n, numSamples: 5, sampleOffset: 2 ** 32 - 5 };
    const shape = [200, 1000];
    const draw = await client.sample(new Float32Array(200_000), { ...terms, shape, outputs: ['noise', 'indices', 'samples'] });
    const noise = (await loadNoise()).gumbel(shape, terms);
    const words = ({ data }) => new Uint32Array(data.buffer, data.byteOffset, data.length);
    const [own, theirs] = [words(noise), words(draw.noise)];
    const { ok, checks } = await client.verify(draw);
    const refused = await client.sample([0, 1], { temperature: 0 }).catch((error) => error);
    return {
      compared: own.length,
      same: own.every((word, at) => word === theirs[at]),
      ok,
      outputs: checks.map(({ output }) => output),
      refused: [refused.code, refused.errors[0].pointer, typeof refused.requestId],
    };
  })()`);
  t.same(result, {
    compared: 1_000_000,
    same: true,
    ok: true,
    outputs: ['noise', 'indices', 'samples'],
    refused: ['temperature-out-of-range', '/parameters/temperature', 'string'],
  });
  t.same(faults, []);
  await context.close();
});
