import { readFileSync } from 'node:fs';
import t from 'tap';
import { options, readConfig } from '../src/config.js';
import { ConfigError } from '../src/option.js';
import { tracingOptions } from '../src/tracing-options.js';

const root = new URL('../../', import.meta.url);
const text = (name: string) => readFileSync(new URL(name, root), 'utf8');

/** Names and defaults in the table of options of a document. */
function rowsOf(document: string): (string | undefined)[][] {
  return [...text(document).matchAll(/^\| `([A-Z_]+)` \| ([^|]+) \|/gm)].map(([, name, value]) => [
    name,
    value?.trim(),
  ]);
}

t.test('an empty environment gives the documented defaults, frozen', async (t) => {
  const config = readConfig({});
  t.equal(config.port, 8080);
  t.equal(config.executionProvider, 'cpu');
  t.equal(config.elementsDrawnMax, 2 ** 30);
  t.ok(Object.isFrozen(config));
  t.same(readConfig({ PORT: '', WORKERS: '' }), config, 'an empty variable counts as unset');
});

t.test('values are read from the environment', async (t) => {
  const config = readConfig({ PORT: '0', WORKERS: '3', LOG_LEVEL: 'warn', DRAIN_DELAY_MS: '250', HOST: '::1' });
  t.match(config, { port: 0, workers: 3, logLevel: 'warn', drainDelayMs: 250, host: '::1' });
});

t.test('a value that cannot work is one clear line that names the option and what is right', async (t) => {
  const wrong: [string, string, RegExp][] = [
    ['PORT', '8080x', /^PORT is "8080x", but it must be a whole number from 0 to 65535 \(TCP port\)$/],
    ['PORT', '65536', /^PORT is "65536", but it must be a whole number from 0 to 65535/],
    ['PORT', '1e3', /^PORT/],
    ['PORT', '-1', /^PORT/],
    ['WORKERS', '0', /^WORKERS is "0", but it must be a whole number from 1 to 256 \(threads\)$/],
    ['PROCESSES', '0', /^PROCESSES is "0", but it must be a whole number from 1 to 128 \(processes\)$/],
    ['LOG_LEVEL', 'loud', /^LOG_LEVEL is "loud", but it must be one of trace, debug/],
    ['EXECUTION_PROVIDER', 'tpu', /^EXECUTION_PROVIDER is "tpu", but it must be one of cpu/],
    ['BATCH_ELEMENTS_MAX', '12', /^BATCH_ELEMENTS_MAX/],
    ['DOCS', 'maybe', /^DOCS is "maybe", but it must be one of on, off/],
    [
      'QUOTA_ELEMENTS_PER_MINUTE',
      '5',
      /^QUOTA_ELEMENTS_PER_MINUTE is set, but a quota belongs to a key: set API_KEYS_FILE/,
    ],
  ];
  for (const [name, value, message] of wrong)
    t.throws(() => readConfig({ [name]: value }), { message }, `${name}=${value}`);
  t.throws(() => readConfig({ PORT: 'x' }), ConfigError);
});

t.test('a GPU is used by one process; where workers are counted out, each process has one', async (t) => {
  t.throws(() => readConfig({ PROCESSES: '2', EXECUTION_PROVIDER: 'cuda' }), {
    message: /^PROCESSES is 2, but only one process can use a GPU: set PROCESSES=1 or unset it$/,
  });
  for (const provider of ['cuda', 'webgpu', 'auto']) {
    t.equal(readConfig({ EXECUTION_PROVIDER: provider }).processes, 1, provider);
  }
  t.equal(
    readConfig({ PROCESSES: '2', EXECUTION_PROVIDER: 'auto' }).processes,
    2,
    'the start says what auto has found',
  );
  t.equal(readConfig({ WORKERS: '1' }).processes, 1);
});

t.test('docs/configuration.md and .env.example name every option with its default, and no other', async (t) => {
  const all = Object.entries({ ...options, ...tracingOptions });
  const defaults = all.map(([name, { default: value }]) => [
    name,
    typeof value === 'string' ? value || 'none' : value.from,
  ]);
  t.same(rowsOf('docs/configuration.md'), defaults);
  const few = rowsOf('README.md');
  t.ok(few.length > 0);
  for (const row of few)
    t.strictSame(
      row,
      defaults.find(([name]) => name === row[0]),
      `README.md: ${row[0]}`,
    );
  const lines = [...text('.env.example').matchAll(/^# ?([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]);
  t.same(
    lines,
    all.map(([name, { default: value }]) => [name, typeof value === 'string' ? value : '']),
  );
});
