/**
 * npm run test:python [-- SUITE ...]: builds the wheel of clients/python, installs it into a fresh virtual environment
 * and runs its tests, which start the built service. Without names the suite `core`, which needs numpy and httpx alone,
 * for the gate; `torch` and `jax` are for `.ci/nightly`. Exit codes: 0 when all is right, 1 when anything is not.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** Longest time for one command; the longest downloads torch. */
const commandMsMax = 1_800_000;

function pathOf(relative: string): string {
  return fileURLToPath(new URL(`../../../${relative}`, import.meta.url));
}

const sources = pathOf('clients/python');
const folder = pathOf('.generated/python-client');
const constraints = join(sources, 'tests/constraints.txt');

/** What each suite needs beside the wheel, and what it runs. */
const suites: Readonly<Record<string, { packages: readonly string[]; tests: string; types: boolean }>> = {
  core: {
    packages: ['mypy', 'opentelemetry-sdk', 'opentelemetry-instrumentation-httpx'],
    tests: 'core',
    types: true,
  },
  torch: { packages: ['torch', 'opentelemetry-sdk'], tests: 'with_torch', types: false },
  jax: { packages: ['jax', 'opentelemetry-sdk'], tests: 'with_jax', types: false },
};

function run(cwd: string, command: string, ...args: string[]): void {
  // The constraints hold in the isolated environment of the build too.
  const env = { ...process.env, PIP_CONSTRAINT: constraints, PYTHONDONTWRITEBYTECODE: '1', NO_PROXY: '127.0.0.1' };
  const { status, error } = spawnSync(command, args, {
    cwd,
    stdio: 'inherit',
    timeout: commandMsMax,
    env: { ...env, GUMBEL_SAMPLER_ROOT: pathOf('.') },
  });
  if (status !== 0) throw new Error(`${[command, ...args].join(' ')}: ${error?.message ?? `exit code ${status}`}`);
}

/** A new virtual environment with packages; its Python. */
function environment(name: string, ...packages: string[]): string {
  run(folder, 'python3', '-m', 'venv', name);
  const python = join(folder, name, 'bin/python');
  run(folder, python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages);
  return python;
}

/** Builds from a copy, so that the working tree stays clean. */
function buildWheel(): string {
  const copy = join(folder, 'sources');
  cpSync(sources, copy, { recursive: true });
  run(copy, environment('build', 'build'), '-m', 'build', '--outdir', join(folder, 'dist'));
  const [wheel] = readdirSync(join(folder, 'dist')).filter((name) => name.endsWith('.whl'));
  return join(folder, 'dist', wheel);
}

const { positionals } = parseArgs({ allowPositionals: true });
const chosen = positionals.length > 0 ? positionals : ['core'];
const unknown = chosen.filter((suite) => !Object.hasOwn(suites, suite));
if (unknown.length > 0)
  throw new Error(`There is no ${unknown.join(', ')}; there are ${Object.keys(suites).join(', ')}.`);

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const wheel = buildWheel();
for (const suite of chosen) {
  const { packages, tests, types } = suites[suite];
  const python = environment(suite, wheel, 'pytest', ...packages);
  const copy = join(folder, 'sources');
  // From the tests' folder: the installed wheel is imported, not the sources.
  run(copy, python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', join('tests', tests));
  if (types) run(copy, python, '-m', 'mypy');
}
