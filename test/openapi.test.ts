/** openapi.yaml is what the app serves, and what it says can be done works. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { openApiYaml } from '../scripts/openapi-document.js';
import { catalogue } from '../src/errors.js';
import { inferExamples } from '../src/schemas/infer-examples.js';
import { sampleExamples } from '../src/schemas/sample-examples.js';
import { startService } from './service.js';

const root = new URL('../../', import.meta.url);
const service = await startService();
t.teardown(service.close);
await service.app.ready();
const document = (await service.app.inject('/openapi.json')).json();

t.test('the committed openapi.yaml is what `npm run openapi` writes', async (t) => {
  t.equal(readFileSync(new URL('openapi.yaml', root), 'utf8'), await openApiYaml());
});

t.test('/openapi.json and /openapi.yaml are the same document', async (t) => {
  t.same(parse((await service.app.inject('/openapi.yaml')).body), document);
});

t.test('every route but the pages is described, and nothing else', async (t) => {
  t.same(Object.keys(document.paths).sort(), [
    '/livez',
    '/log-prob',
    '/metrics',
    '/problems/{code}',
    '/readyz',
    '/sample',
    '/sample/vjp',
    '/v2',
    '/v2/health/live',
    '/v2/health/ready',
    '/v2/models/{model}',
    '/v2/models/{model}/infer',
    '/v2/models/{model}/ready',
    '/v2/models/{model}/versions/{version}',
    '/v2/models/{model}/versions/{version}/infer',
    '/v2/models/{model}/versions/{version}/ready',
  ]);
});

t.test('every worked example works, and its reply has only fields that are described', async (t) => {
  t.same(document.paths['/sample'].post.requestBody.content['application/json'].examples, sampleExamples);
  for (const path of ['/sample', '/sample/vjp', '/log-prob']) {
    const { requestBody, responses } = document.paths[path].post;
    const { $ref } = responses['200'].content['application/json'].schema;
    const described = Object.keys(document.components.schemas[$ref.split('/').at(-1)].properties);
    for (const [name, { value }] of Object.entries<{ value: unknown }>(
      requestBody.content['application/json'].examples,
    )) {
      const { status, reply } = await service.post(path, value);
      t.equal(status, 200, `${path} ${name}`);
      for (const field of Object.keys(reply)) t.ok(described.includes(field), `${field} is described`);
    }
  }
});

t.test('every worked example of an inference works for its model', async (t) => {
  const { requestBody, responses } = document.paths['/v2/models/{model}/infer'].post;
  for (const { content } of [requestBody, responses['200']]) {
    t.same(Object.keys(content), ['application/json', 'application/octet-stream']);
  }
  t.same(requestBody.content['application/json'].examples, inferExamples);
  for (const [name, { value }] of Object.entries(inferExamples)) {
    const model = name === 'vjp' ? 'gumbel_softmax_vjp' : 'gumbel_softmax';
    const { status, text } = await service.post(`/v2/models/${model}/infer`, value);
    t.equal(status, 200, `${name}: ${text}`);
  }
});

t.test('the request schema describes exactly the fields that are taken', async (t) => {
  const { schema } = document.paths['/sample'].post.requestBody.content['application/json'];
  t.same(schema.required, ['logits']);
  t.equal(schema.additionalProperties, false);
  t.same(Object.keys(schema.properties), [
    'logits',
    'temperature',
    'hard',
    'seed',
    'num_samples',
    'row_offset',
    'sample_offset',
    'noise',
    'masks',
    'top_k',
    'return',
  ]);
});

t.test('the README and the catalogue name the same codes with the same statuses', async (t) => {
  const readme = readFileSync(new URL('README.md', root), 'utf8');
  const rows = [...readme.matchAll(/^\| (\d{3}) \| `([a-z-]+)` \|/gm)].map(([, status, code]) => [
    code,
    Number(status),
  ]);
  t.same(
    Object.fromEntries(rows),
    Object.fromEntries(Object.entries(catalogue).map(([code, { status }]) => [code, status])),
  );
});
