/** openapi.yaml is what the app serves, generators can read it, and what it says can be done works. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import t from 'tap';
import { parse } from 'yaml';
import { openApiYaml } from '../../scripts/openapi-document.js';
import { catalogue } from '../../src/errors.js';
import { returnNames } from '../../src/schemas/outputs.js';
import { agree } from '../support/exchanges.js';
import { startService } from '../support/service.js';

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly examples?: readonly unknown[];
  readonly [keyword: string]: unknown;
}

interface Media {
  readonly schema: Schema;
  readonly examples?: Readonly<Record<string, { readonly value?: unknown; readonly $ref?: string }>>;
}

interface Body {
  readonly content: Readonly<Record<string, Media>>;
}

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly schema: Schema; readonly example?: string }[];
  readonly requestBody?: Body;
  readonly responses: Readonly<Record<string, Body>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly examples: Readonly<Record<string, { readonly value: unknown }>>;
  };
}

const root = new URL('../../../', import.meta.url);
const service = await startService();
t.teardown(service.close);
await service.app.ready();
const document = (await service.app.inject('/openapi.json')).json() as Document;
const { schemas, examples: sharedExamples } = document.components;

const ajv = new Ajv2020({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addSchema(document, 'document');

/** A schema may stand anywhere in the document. */
function isValid(schema: Schema, value: unknown): boolean {
  const absolute = JSON.parse(JSON.stringify(schema), (key, text) => (key === '$ref' ? `document${text}` : text));
  return ajv.compile(absolute)(value);
}

function explained(schema: Schema, value: unknown): string {
  return isValid(schema, value) ? '' : `${JSON.stringify(value).slice(0, 200)} is not ${JSON.stringify(schema)}`;
}

function nameOf({ $ref }: Schema): string {
  return ($ref ?? '').replace('#/components/schemas/', '');
}

const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.values(item).map((operation) => ({ path, operation })),
);

/** Operations with a JSON body: the body, and the reply that is JSON too. */
const posts = operations.flatMap(({ path, operation: { requestBody, responses } }) => {
  const request = requestBody?.content['application/json'];
  const reply = responses['200']?.content['application/json'];
  return request && reply ? [{ url: path.replace('{version}', '1'), request, reply }] : [];
});

function* subschemas(schema: Schema): Generator<Schema> {
  yield schema;
  const { properties = {}, items, oneOf = [] } = schema;
  for (const part of [...Object.values(properties), ...(items ? [items] : []), ...oneOf]) yield* subschemas(part);
}

function mediaOf({ requestBody, responses }: Operation): Media[] {
  const bodies = [...(requestBody ? [requestBody] : []), ...Object.values(responses)];
  return bodies.flatMap(({ content }) => Object.values(content));
}

const everySchema = [
  ...Object.values(schemas),
  ...operations.flatMap(({ operation }) => [
    ...(operation.parameters ?? []).map(({ schema }) => schema),
    ...mediaOf(operation).map(({ schema }) => schema),
  ]),
].flatMap((schema) => [...subschemas(schema)]);

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
    '/v2/models/gumbel_softmax/infer',
    '/v2/models/gumbel_softmax/versions/{version}/infer',
    '/v2/models/gumbel_softmax_log_prob/infer',
    '/v2/models/gumbel_softmax_log_prob/versions/{version}/infer',
    '/v2/models/gumbel_softmax_vjp/infer',
    '/v2/models/gumbel_softmax_vjp/versions/{version}/infer',
    '/v2/models/{model}',
    '/v2/models/{model}/ready',
    '/v2/models/{model}/versions/{version}',
    '/v2/models/{model}/versions/{version}/ready',
  ]);
});

/** What the generators that were tried have in common. `default`, `const`, `anyOf` and lists of types are not in it. */
const keywords = [
  '$ref',
  'additionalProperties',
  'description',
  'discriminator',
  'enum',
  'examples',
  'format',
  'items',
  'maxItems',
  'maxLength',
  'maximum',
  'minItems',
  'minLength',
  'minimum',
  'oneOf',
  'pattern',
  'properties',
  'required',
  'type',
  'uniqueItems',
];

t.test('schemas use only what generators of clients understand', async (t) => {
  for (const schema of everySchema) {
    const text = JSON.stringify(schema);
    for (const keyword of Object.keys(schema)) t.ok(keywords.includes(keyword), `${keyword} in ${text}`);
    if (schema.$ref) t.same(Object.keys(schema), ['$ref'], `nothing stands beside $ref in ${text}`);
    if ('type' in schema) t.type(schema.type, 'string', text);
    if ('additionalProperties' in schema) t.equal(schema.additionalProperties, false, text);
    if (schema.enum) t.equal(schema.type, 'string', text);
    if (schema.oneOf) t.equal(schema.type, schema.discriminator ? 'object' : undefined, text);
  }
});

t.test('every number says how wide it is', async (t) => {
  const numbers = everySchema.filter(({ type }) => type === 'number');
  const integers = everySchema.filter(({ type }) => type === 'integer');
  t.ok(numbers.length > 0 && integers.length > 0);
  for (const { format } of numbers) t.ok(['float', 'double'].includes(format as string), String(format));
  for (const { format, minimum = -Infinity, maximum = Infinity } of integers) {
    const isNarrow = Number(minimum) >= -(2 ** 31) && Number(maximum) < 2 ** 31;
    t.ok(format === 'int64' || (isNarrow && format === 'int32'), `${format} from ${minimum} to ${maximum}`);
  }
  const formatOf = (owner: string, field: string) => schemas[owner]?.properties?.[field]?.format;
  for (const field of ['num_samples', 'row_offset', 'sample_offset', 'top_k']) {
    for (const owner of ['SampleRequest', 'InferParameters']) t.equal(formatOf(owner, field), 'int64', field);
  }
  t.match(schemas.Int64Vector, { type: 'array', items: { type: 'integer', format: 'int64' } });
  t.match(schemas.LogDensity, { oneOf: [{ type: 'number', format: 'double' }, { type: 'null' }] });
  t.match(schemas.MaskedFloat32, { oneOf: [{ type: 'number', format: 'float' }, { type: 'null' }] });
});

t.test('what people meet has a name', async (t) => {
  for (const name of [
    'SampleRequest',
    'SampleReply',
    'VjpRequest',
    'VjpReply',
    'LogProbRequest',
    'LogProbReply',
    'InferRequest',
    'InferReply',
    'Tensor',
    'Logits',
    'Temperature',
    'ExponentialSchedule',
    'LinearSchedule',
    'CosineSchedule',
    'Seed',
    'Problem',
    'InferError',
  ]) {
    t.ok(name in schemas, name);
  }
  for (const { path, operation } of operations) {
    for (const [status, { content }] of Object.entries(operation.responses)) {
      for (const [type, { schema }] of Object.entries(content)) {
        if (type.includes('json')) t.ok(nameOf(schema) in schemas, `${path} ${status}`);
      }
    }
  }
  for (const { url, request } of posts) t.ok(nameOf(request.schema) in schemas, url);
  const nested = everySchema.filter(({ type, properties }) => type === 'object' && properties);
  for (const schema of nested) t.ok(Object.values(schemas).includes(schema), `${JSON.stringify(schema)} has a name`);
});

t.test('no two operations and no two components differ only in case: some languages make files of them', async (t) => {
  for (const names of [Object.keys(schemas), operations.map(({ operation }) => operation.operationId)]) {
    t.equal(new Set(names.map((name) => name.toLowerCase())).size, names.length);
  }
});

t.test('every request example is legal, works, and has the reply that stands beside it', async (t) => {
  t.equal(posts.length, 9);
  for (const { url, request, reply } of posts) {
    const names = Object.keys(request.examples ?? {});
    t.ok(names.length > 0, `${url} has an example`);
    t.same(
      Object.keys(reply.examples ?? {}).filter((name) => !names.includes(name)),
      [],
      `each reply of ${url} belongs to a request`,
    );
    t.ok(Object.keys(reply.examples ?? {}).length > 0, `${url} has a reply`);
    for (const name of names) {
      const value = request.examples?.[name]?.value;
      t.equal(explained(request.schema, value), '', `${url} ${name}`);
      const answer = await service.post(url, value);
      t.equal(answer.status, 200, `${url} ${name}: ${answer.text}`);
      t.equal(explained(reply.schema, answer.reply), '', `the reply of ${url} ${name}`);
      // As Swagger UI sends it: with white space wherever JSON allows it, also behind opening brackets.
      const indented = await service.post(url, JSON.stringify(value, null, 2));
      t.equal(indented.status, 200, `${url} ${name}, indented: ${indented.text}`);
      const documented = reply.examples?.[name]?.value;
      if (documented === undefined) continue;
      t.equal(explained(reply.schema, documented), '', `the example reply of ${url} ${name}`);
      t.ok(agree(answer.reply, documented), `${url} ${name}: ${answer.text}`);
    }
  }
});

t.test('every error that a route can give has an example of its code, and of its status', async (t) => {
  for (const { path, operation } of operations) {
    for (const [status, { content }] of Object.entries(operation.responses)) {
      if (status === '200') continue;
      const [media] = Object.values(content);
      const examples = Object.entries(media?.examples ?? {});
      t.ok(examples.length > 0, `${path} ${status}`);
      for (const [code, { $ref = '' }] of examples) {
        const value = sharedExamples[$ref.replace('#/components/examples/', '')]?.value;
        t.equal(explained(media.schema, value), '', `${path} ${status} ${code}`);
        t.equal(String(catalogue[code as keyof typeof catalogue].status), status, code);
      }
    }
  }
});

t.test('the replies of GET routes are as described', async (t) => {
  for (const { path, operation } of operations) {
    const { schema } = operation.responses['200']?.content['application/json'] ?? {};
    if (operation.requestBody || !schema) continue;
    const url = path.replace('{model}', 'gumbel_softmax').replace('{version}', '1').replace('{code}', 'overloaded');
    const { statusCode, body } = await service.app.inject(url);
    t.equal(statusCode, 200, url);
    t.equal(explained(schema, JSON.parse(body)), '', url);
  }
});

/** The names that a value meets on the way through its schema. */
function* met(schema: Schema, value: unknown): Generator<string> {
  const name = nameOf(schema);
  const { properties = {}, items, oneOf = [] } = name === '' ? schema : schemas[name];
  if (name !== '') yield name;
  for (const part of oneOf) if (isValid(part, value)) yield* met(part, value);
  if (items && Array.isArray(value)) for (const item of value) yield* met(items, item);
  for (const [field, part] of Object.entries(properties)) {
    const member = (value as Record<string, unknown>)[field];
    if (member !== undefined) yield* met(part, member);
  }
}

t.test('every component has an example that it accepts', async (t) => {
  const reached = new Set<string>();
  const look = (schema: Schema, value: unknown, what: string) => {
    t.equal(explained(schema, value), '', what);
    for (const name of met(schema, value)) reached.add(name);
  };
  for (const [name, { examples = [] }] of Object.entries(schemas)) {
    for (const example of examples) look({ $ref: `#/components/schemas/${name}` }, example, name);
  }
  for (const { path, operation } of operations) {
    for (const { schema, examples = {} } of mediaOf(operation)) {
      for (const { value, $ref = '' } of Object.values(examples)) {
        look(schema, value ?? sharedExamples[$ref.replace('#/components/examples/', '')]?.value, path);
      }
    }
  }
  // Replies of all shapes, and a real error.
  const everything = [...returnNames];
  const rows = {
    logits: [
      [1, null],
      [1, 2],
    ],
    top_k: 1,
    return: everything,
  };
  for (const body of [rows, { ...rows, num_samples: 2 }]) {
    look({ $ref: '#/components/schemas/SampleReply' }, (await service.sample(body)).reply, JSON.stringify(body));
  }
  look({ $ref: '#/components/schemas/Problem' }, (await service.sample({ logits: [] })).reply, 'a problem');
  look({ $ref: '#/components/schemas/Problem' }, (await service.sample({ logits: [1], seed: -1 })).reply, 'a problem');
  t.same(
    Object.keys(schemas).filter((name) => !reached.has(name)),
    [],
  );
});

t.test('the example of a field is taken in a request', async (t) => {
  const fields = { Logits: 'logits', Temperature: 'temperature', TemperatureSchedule: 'temperature', Seed: 'seed' };
  const more = { ExponentialSchedule: 'temperature', LinearSchedule: 'temperature', CosineSchedule: 'temperature' };
  for (const [name, field] of Object.entries({ ...fields, ...more, OneSeed: 'seed' })) {
    const [example] = schemas[name]?.examples ?? [];
    t.not(example, undefined, name);
    const { status, text } = await service.sample({ logits: [[1, 2]], [field]: example });
    t.equal(status, 200, `${name}: ${text}`);
  }
});

t.test('inference takes and gives bytes as described, and no empty body', async (t) => {
  const bytes = (path: string) => document.paths[path]?.post;
  for (const { path, operation } of operations) {
    if (!path.endsWith('/infer')) continue;
    const { requestBody, responses } = bytes(path);
    for (const body of [requestBody, responses['200']]) {
      t.same(Object.keys(body?.content ?? {}), ['application/json', 'application/octet-stream'], path);
      t.match(body?.content['application/octet-stream']?.schema, { type: 'string', format: 'binary', minLength: 1 });
    }
    t.ok(operation.parameters?.some(({ name }) => name === 'Inference-Header-Content-Length'));
  }
  const headers = { 'content-type': 'application/octet-stream', 'inference-header-content-length': '0' };
  const request = { method: 'POST', url: '/v2/models/gumbel_softmax/infer', headers } as const;
  const raw = await service.app.inject({ ...request, payload: Buffer.from(Float32Array.of(1, 2, 3).buffer) });
  t.same([raw.statusCode, raw.headers['content-type']], [200, 'application/octet-stream']);
  const empty = await service.app.inject({ ...request, payload: Buffer.alloc(0) });
  t.ok(empty.statusCode >= 400 && empty.statusCode < 500, empty.body);
});

t.test('the request schema describes exactly the fields that are taken', async (t) => {
  const { required, additionalProperties, properties } = schemas.SampleRequest;
  t.same(required, ['logits']);
  t.equal(additionalProperties, false);
  t.same(Object.keys(properties ?? {}), [
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
    'given_indices',
    'return',
  ]);
});

t.test('docs/errors.md and the catalogue name the same codes with the same statuses', async (t) => {
  const document = readFileSync(new URL('docs/errors.md', root), 'utf8');
  const rows = [...document.matchAll(/^\| (\d{3}) \| `([a-z-]+)` \|/gm)].map(([, status, code]) => [
    code,
    Number(status),
  ]);
  t.same(
    Object.fromEntries(rows),
    Object.fromEntries(Object.entries(catalogue).map(([code, { status }]) => [code, status])),
  );
});
