/** @gumbel-sampler/client as npm packs it, in an empty project: it runs in Node.js and compiles in strict mode. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { installPacked, manifestOf } from './packed.js';
import { serve } from './served.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const { url, service, close } = await serve();
const project = await installPacked();
t.teardown(async () => {
  await close();
  project.remove();
});

t.test('the package has what is built, and nothing else', async (t) => {
  t.same(project.files.filter((path) => !path.startsWith('dist/')).toSorted(), [
    'LICENSE',
    'README.md',
    'package.json',
  ]);
  t.same(
    project.files.filter((path) => !/^dist\/[\w-]+\.(js|d\.ts)$/.test(path) && path.startsWith('dist/')),
    ['dist/kernel.wasm'],
  );
  t.same(
    readdirSync(join(project.folder, 'node_modules')).filter((name) => !name.startsWith('.')),
    ['@gumbel-sampler'],
  );
  t.equal(manifestOf(project.folder).dependencies, undefined, 'it needs no other package');
  const text = (path: string) => readFileSync(join(root, path), 'utf8');
  t.equal(text('clients/typescript/LICENSE'), text('LICENSE'));
});

t.test('it draws, replays and verifies in Node.js', async (t) => {
  writeFileSync(
    join(project.folder, 'use.js'),
    `import { Client, ServiceError, Tensor } from '@gumbel-sampler/client';
import { loadNoise } from '@gumbel-sampler/client/noise';
const client = new Client(process.argv[2]);
const draw = await client.sample([[1, 0.5, -1], [0, null, 0]], { temperature: 0.5, seed: 42, outputs: ['samples', 'noise'] });
const { ok } = await client.verify(draw);
const noise = (await loadNoise()).gumbel([2, 3], { seed: 42n });
const { gradLogits } = await client.vjp(draw, [[1, 0, 0], [0, 0, 1]]);
const refused = await client.sample([0, 1], { temperature: 0 }).catch((error) => error);
console.log(JSON.stringify({
  ok,
  samples: draw.samples.toNested(),
  same: noise.data.every((value, at) => value === draw.noise.data[at]),
  isTensor: noise instanceof Tensor && gradLogits instanceof Tensor,
  gradient: gradLogits.toNested(),
  refused: refused instanceof ServiceError && refused.code,
}));
`,
  );
  const printed = JSON.parse(await project.run(process.execPath, 'use.js', url));
  const body = {
    logits: [
      [1, 0.5, -1],
      [0, null, 0],
    ],
    temperature: 0.5,
    seed: 42,
  };
  const { reply } = await service.sample(body);
  const { reply: gradient } = await service.post('/sample/vjp', {
    ...body,
    cotangent: [
      [1, 0, 0],
      [0, 0, 1],
    ],
  });
  const rounded = (rows: number[][]) => rows.map((row) => row.map(Math.fround));
  t.same(printed, {
    ok: true,
    samples: rounded(reply.samples),
    same: true,
    isTensor: true,
    gradient: rounded(gradient.grad_logits),
    refused: 'temperature-out-of-range',
  });
});

t.test('the README prints what its first draw gives', async (t) => {
  const readme = readFileSync(join(root, 'clients/typescript/README.md'), 'utf8');
  const { reply } = await service.sample({
    logits: [
      [1, 0.5, -1],
      [0, null, 0],
    ],
    temperature: 0.5,
    seed: 42,
  });
  const rounded = (reply.samples as number[][]).map((row) => row.map((value) => Number(value.toFixed(4))));
  t.match(readme, `draw.samples.toNested(); // ${JSON.stringify(rounded).replaceAll(',', ', ')}\n`);
  t.match(readme, `Int32Array [${(reply.indices as number[]).join(', ')}]`);
});

/** What a reader would write, and what must not compile. */
const typed = `import { Client, type Draw, ServiceError, Tensor } from '@gumbel-sampler/client';
import { loadNoise, type Noise, type Replay } from '@gumbel-sampler/client/noise';

const client = new Client('http://localhost:8080', { apiKey: 'key', timeoutMs: 1000, retries: 2, fetch });
const plain = await client.sample([[1, null], [0, 2]]);
export const samples: Float32Array = plain.samples.data;
export const indices: Int32Array = plain.indices.data;
const draw = await client.sample(new Float32Array(6), {
  shape: [2, 3],
  temperature: [0.5, 2],
  hard: true,
  seed: [1n, '2'],
  numSamples: 3,
  outputs: ['samples', 'logSamples', 'logProb'],
  signal: AbortSignal.timeout(1000),
});
export const density: Float64Array = draw.logProb.data;
export const rows: number[][][] = draw.logSamples.toNested();
const top = await client.sample([1, 2, 3], { topK: 2 });
export const first: Int32Array = top.topIndices.data;
const { gradLogits, gradTemperature } = await client.vjp(draw, draw.samples, { estimator: 'straight_through' });
export const gradient: Tensor = gradLogits;
export const slope: number | Tensor | undefined = gradTemperature;
export const scored: Tensor<Float64Array> = await client.logProb([1, 2], { samples: [0.5, 0.5] }, { temperature: 0.5 });
const noise: Noise = await loadNoise();
export const replay: Replay = noise.replay([1, 2], { seed: 42 });
export const verified: boolean = (await client.verify(plain)).ok && noise.verify(draw).ok;
export function indicesOf(draw: Draw<'indices'>): Int32Array {
  return draw.indices.data;
}
indicesOf(plain);
export const codeOf = (error: unknown) => (error instanceof ServiceError ? error.errors.map(({ pointer }) => pointer) : []);

// @ts-expect-error not asked for
draw.indices;
// @ts-expect-error not asked for
plain.topIndices;
// @ts-expect-error misspelt
client.sample([1, 2], { temperatur: 1 });
// @ts-expect-error no such output
client.sample([1, 2], { outputs: ['sample'] });
// @ts-expect-error no such estimator
client.vjp(draw, draw.samples, { estimator: 'reinforce' });
`;

t.test('its types compile in strict mode, with those of Node.js and with those of browsers', async (t) => {
  writeFileSync(join(project.folder, 'typed.ts'), typed);
  const strict = [
    '--strict',
    '--exactOptionalPropertyTypes',
    '--noUncheckedIndexedAccess',
    '--noEmit',
    '--target',
    'es2022',
  ];
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const typeRoots = join(root, 'node_modules/@types');
  for (const flags of [
    ['--module', 'nodenext', '--types', 'node', '--typeRoots', typeRoots, '--lib', 'es2022'],
    ['--module', 'esnext', '--moduleResolution', 'bundler', '--types', '', '--lib', 'es2022,dom'],
  ]) {
    await t.resolves(project.run(process.execPath, compiler, ...strict, ...flags, 'typed.ts'), flags.join(' '));
  }
});

t.test('declarations name nothing that older compilers or other projects lack', async (t) => {
  for (const path of project.files.filter((path) => path.endsWith('.d.ts'))) {
    const text = readFileSync(join(project.folder, 'node_modules/@gumbel-sampler/client', path), 'utf8');
    const code = text.replace(/\/\*\*.*?\*\//gs, '');
    // Typed arrays have a parameter from TypeScript 5.7 on; WebAssembly is declared only for browsers.
    t.notMatch(code, /Array<ArrayBuffer|\bWebAssembly\b|'\.\.\//, path);
  }
});
