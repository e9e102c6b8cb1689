/**
 * The container image through podman: what is missing to build it, the build, and containers as Kubernetes would
 * confine them. Needs no daemon and no image registry; what the image must be is left to `image.check.ts`.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const root = fileURLToPath(new URL('../../../', import.meta.url));
const makeBaseImage = fileURLToPath(new URL('../../../test/image/make-base-image.sh', import.meta.url));

/** What an image can be built for, by its names for Debian and containers. */
export type Architecture = 'amd64' | 'arm64';
export const ownArchitecture: Architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

/**
 * Made here when NODE_IMAGE names no image of a registry; the same node, user and paths as the original, for both
 * processors.
 */
const localBase = 'localhost/gumbel-sampler-base:24-bookworm-slim';
export const image = 'localhost/gumbel-sampler:check';

/**
 * As a pod of deploy/kubernetes is confined; no writable /tmp either. Limits are stated, since podman would raise them.
 */
const confinement = [
  '--read-only',
  '--read-only-tmpfs=false',
  '--cap-drop=all',
  '--security-opt=no-new-privileges',
  '--ulimit=nofile=1024:1024',
  '--ulimit=nproc=1024:1024',
  // One network for both sides: a bridge would need more of the machine than the service does.
  '--network=host',
];

async function succeeds(command: string, ...options: string[]): Promise<boolean> {
  return execute(command, options).then(
    () => true,
    () => false,
  );
}

export async function podman(...options: string[]): Promise<string> {
  return (await execute('podman', options, { cwd: root, maxBuffer: 2 ** 26 })).stdout.trim();
}

/** The base image to build on: the one that NODE_IMAGE names, or one made here. */
const baseImage = process.env.NODE_IMAGE ?? localBase;

/** One line that says what to install, or undefined when nothing is missing. */
export async function whatIsMissing(): Promise<string | undefined> {
  if (!(await succeeds('podman', '--version'))) return 'podman is not installed: apt-get install podman buildah runc';
  if (baseImage !== localBase) return undefined;
  if (await succeeds('mmdebstrap', '--version')) return undefined;
  return 'mmdebstrap is not installed: apt-get install mmdebstrap, or set NODE_IMAGE to a node:24-bookworm-slim to pull';
}

/** npm's settings on this machine, for the build alone: registry, and the certificates it is trusted by. */
async function npmSettings(folder: string): Promise<string[]> {
  const certificates = process.env.NODE_EXTRA_CA_CERTS;
  const inside = '/run/ca-certificates.pem';
  const registry = (await execute('npm', ['config', 'get', 'registry'], { cwd: root })).stdout.trim();
  const lines = [`registry=${registry}`, ...(certificates ? [`cafile=${inside}`] : [])];
  await writeFile(`${folder}/npmrc`, `${lines.join('\n')}\n`);
  return [`--secret=id=npmrc,src=${folder}/npmrc`, ...(certificates ? [`--volume=${certificates}:${inside}:ro`] : [])];
}

/** Gives the bases of both processors one name, as the original has it, while something is built on them. */
async function withBase(build: () => Promise<unknown>): Promise<void> {
  if (baseImage !== localBase) {
    await build();
    return;
  }
  const bases = (['amd64', 'arm64'] as const).map(
    (architecture) => [architecture, `${localBase}-${architecture}`] as const,
  );
  for (const [architecture, name] of bases) {
    if (await succeeds('podman', 'image', 'exists', name)) continue;
    await execute(makeBaseImage, [name, architecture], { maxBuffer: 2 ** 26 });
  }
  // One may be left of a run that was interrupted.
  await succeeds('podman', 'manifest', 'rm', localBase);
  await podman('manifest', 'create', localBase, ...bases.map(([, name]) => `containers-storage:${name}`));
  try {
    await build();
  } finally {
    // podman 4.3 cannot list its images while there is such a list.
    await podman('manifest', 'rm', localBase);
  }
}

/** Builds the image as a release would be built, with `labels` as build arguments, and tags it. */
export async function buildImage(
  tag: string,
  architecture: Architecture,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const folder = await mkdtemp('/tmp/image-check-');
  try {
    const settings = await npmSettings(folder);
    // BuildKit sets it for FROM; buildah 1.28, which is Debian 12's, does not.
    const BUILDPLATFORM = `linux/${ownArchitecture}`;
    const buildArguments = Object.entries({ BUILDPLATFORM, NODE_IMAGE: baseImage, ...labels }).map(
      ([name, value]) => `--build-arg=${name}=${value}`,
    );
    // The format of Docker: that of OCI has no HEALTHCHECK.
    const format = ['--isolation=chroot', '--format=docker', `--platform=linux/${architecture}`];
    await withBase(() => podman('build', ...format, ...settings, ...buildArguments, `--tag=${tag}`, '.'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Unpacks the whole file system of an image into a folder; nothing of the image is run. */
export async function unpackImage(tag: string, folder: string): Promise<void> {
  const archive = `${folder}.tar`;
  const container = await podman('create', tag);
  try {
    await podman('export', `--output=${archive}`, container);
    // Devices and owners are of no interest here, and need root.
    await execute('tar', ['--extract', `--file=${archive}`, `--directory=${folder}`, '--no-same-owner']);
  } finally {
    await podman('rm', container);
    await rm(archive, { force: true });
  }
}

/** The first OCI runtime that starts a container here: crun refuses machines that mount both versions of cgroups. */
async function findRuntime(): Promise<string> {
  const runtimes = ['crun', 'runc'];
  for (const runtime of runtimes) {
    const probe = [`--runtime=${runtime}`, 'run', '--rm', ...confinement, image, 'node', '--version'];
    if (await succeeds('podman', ...probe)) return runtime;
  }
  throw new Error(`None of ${runtimes.join(', ')} starts a container on this machine.`);
}

export interface Container {
  readonly url: string;
  /** Runs a command inside and gives its exit code and output. */
  readonly exec: (...command: string[]) => Promise<{ code: number; output: string }>;
  readonly signal: (name: string) => Promise<unknown>;
  /** The exit code of the service. */
  readonly exit: Promise<number>;
  readonly remove: () => Promise<unknown>;
}

function untilServing(child: ChildProcess, exit: Promise<number>): Promise<string> {
  return new Promise((resolve, reject) => {
    let errors = '';
    child.stderr?.on('data', (chunk) => {
      errors += chunk;
    });
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const address = /serving at (http:[^\s"]+)/.exec(line);
      if (address) resolve(address[1]);
    });
    exit.then((code) => reject(new Error(`The container ended with ${code}: ${errors}`)));
  });
}

/** Starts the service, confined, on a free port of the loopback address. */
export async function startContainer(): Promise<Container> {
  const runtime = await findRuntime();
  const name = `gumbel-sampler-check-${process.pid}`;
  const environment = ['--env=HOST=127.0.0.1', '--env=PORT=0'];
  const child = spawn(
    'podman',
    [`--runtime=${runtime}`, 'run', '--rm', `--name=${name}`, ...confinement, ...environment, image],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const exit = once(child, 'exit').then(([code]) => code as number);
  const exec = (...command: string[]) =>
    execute('podman', [`--runtime=${runtime}`, 'exec', name, ...command]).then(
      ({ stdout }) => ({ code: 0, output: stdout.trim() }),
      (error: { code: number; stderr: string }) => ({ code: error.code, output: error.stderr.trim() }),
    );
  return {
    url: await untilServing(child, exit),
    exec,
    signal: (signal) => podman('kill', `--signal=${signal}`, name),
    exit,
    remove: () => podman('rm', '--force', '--ignore', name),
  };
}
