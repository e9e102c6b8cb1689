/**
 * compose.yaml confines and stops the service as the image and its manifests do; the development container installs
 * what npm needs.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { readConfig } from '../../src/config.js';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const { name, version } = JSON.parse(read('package.json')) as { name: string; version: string };

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
