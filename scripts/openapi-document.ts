/** The OpenAPI document of the default configuration, from the app itself with a sampler that never draws. */
import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { buildApp } from '../src/app.js';
import { readConfig } from '../src/config.js';
import { Metrics } from '../src/observability/metrics.js';
import type { Sampler } from '../src/sampler/sampler.js';

const idle: Sampler = {
  provider: 'cpu',
  device: '',
  workers: 0,
  refused: [],
  noiseVersion: '',
  draw: () => Promise.reject(new Error('This sampler only describes.')),
  release: () => {},
  tooMuch: () => undefined,
  refusal: () => undefined,
  mayRefuse: () => false,
  state: () => 'ready',
  inRuntime: () => false,
  load: () => ({ queuedUnits: 0, queuedRequests: 0, workersAlive: 0 }),
  close: async () => {},
};

export async function openApiYaml(): Promise<string> {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const logger = pino({ level: 'silent' });
  const app = await buildApp({
    config: readConfig({}),
    sampler: idle,
    lifecycle: { draining: false },
    logger,
    metrics: new Metrics(),
    version,
  });
  await app.ready();
  const yaml = app.swagger({ yaml: true });
  await app.close();
  return yaml;
}
