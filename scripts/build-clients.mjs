/**
 * The TypeScript client, as it is published, in clients/typescript/dist; `npm run build:clients` has compiled the
 * declarations before. Bundled, because it shares sources with the service, which are not in the package. JavaScript,
 * like build.mjs.
 */
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const client = join(root, 'clients/typescript');
const output = join(client, 'dist');

await build({
  absWorkingDir: client,
  entryPoints: ['src/client.ts', 'src/noise.ts'],
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  outdir: 'dist',
  chunkNames: '[name]-[hash]',
  logLevel: 'warning',
});

// The compiler wrote declarations below the root, the common folder; those of the service's sources are not needed.
const declarations = join(output, 'declarations');
const own = join(declarations, 'clients/typescript/src');
for (const name of readdirSync(own)) cpSync(join(own, name), join(output, name));
rmSync(declarations, { recursive: true });

cpSync(join(root, 'dist/src/sampler/noise/kernel.wasm'), join(output, 'kernel.wasm'));
