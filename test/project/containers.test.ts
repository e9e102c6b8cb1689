/**
 * compose.yaml confines and stops the service as the image and its manifests do; the development container installs
 * what npm needs; the CUDA image is the other one on another base, and checks what it downloads.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { readConfig } from '../../src/config.js';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const { name, version, dependencies } = JSON.parse(read('package.json')) as {
  name: string;
  version: string;
  dependencies: Record<string, string>;
};

t.test('compose.yaml', async (t) => {
  const { services } = parse(read('compose.yaml'));
  t.same(Object.keys(services), [name]);
  const service = services[name];
  t.equal(service.image, `${name}:${version}`);
  t.match(service, {
    build: '.',
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    mem_limit: '2g',
    pids_limit: 256,
  });
  t.ok(
    service.ports.every((port: string) => port.startsWith('127.0.0.1:')),
    'only this machine reaches it',
  );
  const config = readConfig(service.environment);
  t.equal(service.cpus, config.workers);
  const stopSeconds = Number(/^(\d+)s$/.exec(service.stop_grace_period)?.[1]);
  t.ok(stopSeconds * 1000 >= config.drainDelayMs + config.shutdownTimeoutMs + 5000, 'it ends before it is killed');
  t.match(read('Dockerfile'), /^HEALTHCHECK /m, 'the image has a health check');
});

t.test('.devcontainer', async (t) => {
  const container = JSON.parse(read('.devcontainer/devcontainer.json'));
  t.match(container, { name, image: /typescript-node:24-/, postCreateCommand: 'npm ci' });
  t.match(Object.keys(container.features), [/\/go:1$/], 'the generated clients need Go');
});

t.test('the CUDA image', async (t) => {
  const text = read('Dockerfile').replaceAll(/^#.*\n/gm, '');
  const stages = new Map(text.split(/^(?=FROM )/m).map((stage) => [/^FROM .* AS (\S+)$/m.exec(stage)?.[1], stage]));
  const instructions = (stage: string, pattern: RegExp) => [...(stages.get(stage) ?? '').matchAll(pattern)].map(String);
  const ofBoth = (pattern: RegExp) => ['service', 'cuda'].map((stage) => instructions(stage, pattern));

  const images = [...text.matchAll(/^FROM (?:--platform=\S+ )?(\S+)/gm)].map(([, image]) => image);
  const fixed = images.filter((image) => !stages.has(image) && !/^(scratch|\$\{(NODE|CUDA)_IMAGE\})$/.test(image));
  t.same(fixed, [], 'who builds can name and pin every base');

  for (const pattern of [/[a-z.]+(?==")/g, /^(USER|STOPSIGNAL|EXPOSE) .*/gm, /^( *)CMD .*/gm]) {
    const [service, cuda] = ofBoth(pattern);
    t.ok((service?.length ?? 0) > 0, `${pattern}`);
    t.same(cuda, service, `labels, user, ports, signals and commands: ${pattern}`);
  }
  t.same(
    ofBoth(/^HEALTHCHECK/gm).map(({ length }) => length),
    [1, 1],
  );

  const provider = read('scripts/cuda-provider.txt');
  const [, wheel, sums] = /^onnxruntime-gpu==(\S+)((?: --hash=sha256:[0-9a-f]{64})+)$/m.exec(provider) ?? [];
  t.equal(wheel, dependencies['onnxruntime-node'], 'the provider is of the version of the library that loads it');
  t.ok(sums, 'with its sum');
  const [, cuda] = /^ARG CUDA_IMAGE=nvidia\/cuda:(\d+\.\d+)\.\d+-cudnn-runtime-/m.exec(text) ?? [];
  t.equal(cuda, /built with CUDA (\d+\.\d+)/.exec(provider)?.[1], 'the base has the CUDA that it is built with');
  t.match(stages.get('cuda-packages'), /pip download --require-hashes .*--requirement=cuda-provider\.txt/s);
  t.notMatch(text, /curl|wget|^ADD|script\/install/m, 'and nothing is downloaded by what checks no sum');

  const [, cache] = /CUDA_CACHE_PATH=(\S+)/.exec(text) ?? [];
  const { containers, volumes } = parse(read('deploy/kubernetes/overlays/cuda/deployment.yaml')).spec.template.spec;
  const mounted = containers[0].volumeMounts.find(({ mountPath }: { mountPath: string }) => mountPath === cache);
  t.ok(
    volumes.some(({ name, emptyDir }: { name: string; emptyDir?: object }) => emptyDir && name === mounted?.name),
    'CUDA can write its cache',
  );
});
