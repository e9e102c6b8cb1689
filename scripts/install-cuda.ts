/**
 * `npm run install:cuda`: fetches ONNX Runtime's CUDA provider, which is too large for the npm registry, and prints the
 * SHA-256 of every file that arrived. For CUDA 12 with onnxruntime-node's own script; with `-- --from-wheel` for CUDA
 * 13, out of the wheel onnxruntime-gpu of the same version, which pip downloads and compares with the sum in
 * cuda-provider.txt. `-- --check=FILE` compares the files with a list that was kept, in the format of sha256sum, and
 * takes them away again if one differs. docs/providers.md says what comes from where.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const exitCodes = { failed: 1, usage: 78 } as const;

const root = join(createRequire(import.meta.url).resolve('onnxruntime-node'), '../..');
const folder = join(root, 'bin/napi-v6', process.platform, process.arch);
/** What pip downloads, and its sum. */
const requirement = fileURLToPath(new URL('../../scripts/cuda-provider.txt', import.meta.url));
/** What the service needs; the wheel has TensorRT's provider too. */
const wheelFiles = ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'];
const isProvider = (name: string) => name.startsWith('libonnxruntime_providers_');

function sums(): Map<string, string> {
  const names = existsSync(folder) ? readdirSync(folder).filter(isProvider).toSorted() : [];
  return new Map(
    names.map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex'),
    ]),
  );
}

/** The lines of sha256sum: 64 hex digits, two spaces, a name. */
function parseSums(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^([0-9a-f]{64}) [ *](\S+)$/gm)].map(([, sum, name]) => [name, sum]));
}

/** What is wrong with the files, or nothing. */
function complaints(found: ReadonlyMap<string, string>, expected: ReadonlyMap<string, string>): string[] {
  const names = [...new Set([...found.keys(), ...expected.keys()])];
  return names
    .filter((name) => found.get(name) !== expected.get(name))
    .map((name) => `${name}: ${found.get(name) ?? 'missing'}, but expected ${expected.get(name) ?? 'no such file'}`);
}

/** CUDA 12: three files from NuGet. */
function fetchWithScript(): void {
  const args = [join(root, 'script/install.js'), '--onnxruntime-node-install=cuda12'];
  execFileSync(process.execPath, args, { stdio: 'inherit' });
}

/** CUDA 13: two files from PyPI. Any Python's wheel has the same libraries; the one with the sum is for 3.12. */
function fetchFromWheel(): void {
  const scratch = mkdtempSync(join(tmpdir(), 'onnxruntime-gpu-'));
  try {
    const python = ['--python-version=3.12', '--implementation=cp', '--platform=manylinux_2_28_x86_64'];
    const wheel = ['--require-hashes', '--only-binary=:all:', '--no-deps', ...python, `--requirement=${requirement}`];
    execFileSync('python3', ['-m', 'pip', 'download', ...wheel, `--dest=${scratch}`], { stdio: 'inherit' });
    const file = readdirSync(scratch).find((name) => name.endsWith('.whl'));
    if (file === undefined) throw new Error('pip downloaded no wheel.');
    execFileSync('python3', ['-m', 'zipfile', '-e', join(scratch, file), scratch]);
    for (const name of wheelFiles) copyFileSync(join(scratch, 'onnxruntime/capi', name), join(folder, name));
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function install(fromWheel: boolean, expected: ReadonlyMap<string, string> | undefined): void {
  if (fromWheel) fetchFromWheel();
  else fetchWithScript();
  const found = sums();
  for (const [name, sum] of found) console.log(`${sum}  ${name}`);
  const wrong = expected ? complaints(found, expected) : [];
  if (wrong.length === 0) return;
  for (const name of found.keys()) rmSync(join(folder, name));
  throw new Error(`the files were taken away again, since they are not those of the list.\n${wrong.join('\n')}`);
}

const { values } = parseArgs({
  options: { check: { type: 'string' }, 'from-wheel': { type: 'boolean', default: false } },
});
if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.error(`ONNX Runtime has CUDA files for Linux on x64 only; this is ${process.platform} on ${process.arch}.`);
  process.exitCode = exitCodes.usage;
} else {
  try {
    const expected = values.check === undefined ? undefined : parseSums(readFileSync(values.check, 'utf8'));
    if (expected?.size === 0) throw new Error(`${values.check} has no line of the form "<sha256>  <file>".`);
    install(values['from-wheel'], expected);
  } catch (error) {
    console.error(`The CUDA provider is not installed: ${error instanceof Error ? error.message : error}`);
    process.exitCode = exitCodes.failed;
  }
}
