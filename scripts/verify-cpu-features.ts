/**
 * `npm run verify:cpu-features`: soft samples on this processor, and under qemu on one with AVX2 and one with SSE4.2
 * alone, for which ONNX Runtime has other kernels: each within 1e-6 of the exact samples, and of each other. Needs
 * Debian's qemu-user-static. Exit codes: 0 within, 1 not, 78 what it needs is missing.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const exitCodes = { differs: 1, unusable: 78 } as const;
const tolerance = 1e-6;

/** Emulation takes about a hundred times as long as this machine. */
const timeoutMs = 1_200_000;

const script = join(dirname(fileURLToPath(import.meta.url)), 'soft-samples.js');
const processors = [
  ['this one', []],
  ['AVX2', ['qemu-x86_64-static', '-cpu', 'Haswell-v4']],
  ['SSE4.2', ['qemu-x86_64-static', '-cpu', 'Nehalem']],
] as const;

function samplesOn(emulator: readonly string[], path: string): Float32Array {
  const [command = process.execPath, ...args] = [...emulator, process.execPath, script, path];
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: timeoutMs });
  if (error || (status !== 0 && status !== 1)) throw error ?? new Error(stderr.slice(-500) || `${command} failed`);
  console.log(`  ${stdout.trim()}`);
  if (status === 1) process.exitCode = exitCodes.differs;
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

const folder = mkdtempSync(join(tmpdir(), 'cpu-features-'));
try {
  let first: Float32Array | undefined;
  for (const [name, emulator] of processors) {
    console.log(name);
    const samples = samplesOn(emulator, join(folder, 'samples'));
    first ??= samples;
    const apart = samples.reduce((most, value, at) => Math.max(most, Math.abs(value - (first?.[at] as number))), 0);
    console.log(`  largest difference to this one ${apart.toExponential(1)}`);
    if (!(apart <= tolerance)) process.exitCode = exitCodes.differs;
  }
} catch (error) {
  console.error(`An emulated processor cannot be run here: ${error instanceof Error ? error.message : error}`);
  process.exitCode = exitCodes.unusable;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
