/**
 * npm run test:kubernetes: deploy/kubernetes and docs/kubernetes-start.md against a real Kubernetes API server
 * (docs/image-and-kubernetes.md). Builds the server, then runs kubernetes.check.ts in Linux namespaces of its own: a
 * network in which pods have their addresses and nobody else is, and processes that all end with the test. Exit codes:
 * 0 when all is right, 1 when anything is not, 75 (EX_TEMPFAIL of sysexits.h) when there was nothing to run it with.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const pathOf = (relative: string) => fileURLToPath(new URL(`../../../${relative}`, import.meta.url));

/** Longest time for the whole check, in seconds. It takes minutes, and longer on a busy machine. */
const checkSecondsMax = 1800;

function notRun(why: string): never {
  console.log(`NOT RUN: ${why}`);
  process.exit(75);
}

/** Mounts and addresses need root. */
const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '--non-interactive'];

const namespaces = ['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];

for (const [program, debianPackage] of [
  ['unshare', 'util-linux'],
  ['ip', 'iproute2'],
  ['curl', 'curl'],
  ['openssl', 'openssl'],
]) {
  const { error } = spawnSync(program, ['--version']);
  if (error) notRun(`${program} is missing: apt-get install ${debianPackage}`);
}
const [command, ...options] = [...asRoot, ...namespaces];
const tried = spawnSync(command, [...options, 'true'], { encoding: 'utf8' });
if (tried.status !== 0) notRun(`it needs root, and Linux namespaces of its own: ${tried.error ?? tried.stderr}`);

const built = spawnSync(pathOf('test/kubernetes/build.sh'), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
if (built.status !== 0) notRun('the Kubernetes API server could not be built; the lines above say why');

const suite = [pathOf('dist/test/run.js'), '--jobs=1', `--timeout-s=${checkSecondsMax}`];
// sudo has a PATH of its own. A proxy would not find what lives in this network only.
const environment = [`PATH=${process.env.PATH}`, `KUBERNETES_BIN=${built.stdout.trim()}`, 'NO_PROXY=*', 'no_proxy=*'];
const { status } = spawnSync(
  command,
  [...options, 'env', ...environment, process.execPath, ...suite, 'dist/test/kubernetes/kubernetes.check.js'],
  { cwd: pathOf('.'), stdio: 'inherit' },
);
process.exitCode = status ?? 1;
