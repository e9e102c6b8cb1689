/** Every mistake in every field is told in this service's words: no text of zod reaches a client. */
import t from 'tap';
import { z } from 'zod';
import { validationProblem } from '../../src/schemas/issue.js';
import { startService } from '../support/service.js';

const service = await startService();
t.teardown(service.close);

/** What zod's own texts begin with or hold (its locale en). */
const ofZod = /invalid|expected|received|too (small|big)|unrecognized|option:|undefined|<=|>=/i;

interface Answer {
  readonly errors: readonly { readonly pointer: string; readonly message: string }[];
  readonly error?: string;
  readonly code: string;
}

async function send(url: string, body: unknown): Promise<{ status: number; reply: Answer; text: string }> {
  const payload = typeof body === 'string' ? body : JSON.stringify(body);
  const headers = { 'content-type': 'application/json' };
  const { statusCode: status, body: text } = await service.app.inject({ method: 'POST', url, headers, payload });
  // What is drawn may be bytes.
  return { status, reply: status === 200 ? ({ errors: [], code: '' } as Answer) : JSON.parse(text), text };
}

/** A value of every type and beyond every bound. */
const values: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  0.5,
  1e300,
  2 ** 53,
  '',
  'x',
  'x'.repeat(2000),
  [],
  [[]],
  ['x'],
  [null],
  [{}],
  Array(9).fill({}),
  {},
  { x: 1 },
];

const draw = { logits: [1, 2], seed: 1 };
const schedule = { schedule: 'linear', initial: 1, minimum: 0.5, steps: 10, step: 1 };
const tensor = { name: 'logits', shape: [1, 2], datatype: 'FP32', data: [1, 2] };
const infer = '/v2/models/gumbel_softmax/infer';

/** [route, a body without the field, the fields] */
const places: readonly (readonly [string, (field: string, value: unknown) => unknown, readonly string[]])[] = [
  [
    '/sample',
    (field, value) => ({ ...draw, [field]: value }),
    [
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
      'x',
    ],
  ],
  [
    '/sample/vjp',
    (field, value) => ({ ...draw, cotangent: [1, 0], [field]: value }),
    ['logits', 'seed', 'cotangent', 'estimator', 'top_k'],
  ],
  [
    '/log-prob',
    (field, value) => ({ logits: [1, 2], samples: [0.5, 0.5], [field]: value }),
    ['logits', 'temperature', 'samples', 'log_samples', 'indices', 'top_indices', 'seed'],
  ],
  [
    '/sample',
    (field, value) => ({ ...draw, temperature: { ...schedule, [field]: value } }),
    ['schedule', 'initial', 'minimum', 'steps', 'rate', 'step', 'x'],
  ],
  [
    infer,
    (field, value) => ({ inputs: [tensor], [field]: value }),
    ['id', 'model_name', 'parameters', 'inputs', 'outputs', 'x'],
  ],
  [
    infer,
    (field, value) => ({ inputs: [tensor], parameters: { [field]: value } }),
    [
      'temperature',
      'hard',
      'seed',
      'num_samples',
      'row_offset',
      'sample_offset',
      'noise',
      'masks',
      'top_k',
      'estimator',
      'timeout',
      'binary_data_output',
      'content_type',
      'headers',
      'priority',
      'x',
    ],
  ],
  [
    infer,
    (field, value) => ({ inputs: [{ ...tensor, [field]: value }] }),
    ['name', 'shape', 'datatype', 'parameters', 'data', 'x'],
  ],
  [
    infer,
    (field, value) => ({ inputs: [{ ...tensor, parameters: { [field]: value } }] }),
    ['binary_data_size', 'content_type', 'headers', 'x'],
  ],
  [
    infer,
    (field, value) => ({ inputs: [tensor], outputs: [{ name: 'samples', [field]: value }] }),
    ['name', 'parameters', 'x'],
  ],
  [
    infer,
    (field, value) => ({ inputs: [tensor], outputs: [{ name: 'samples', parameters: { [field]: value } }] }),
    ['binary_data', 'content_type', 'headers', 'x'],
  ],
];

for (const [url, bodyWith, fields] of places) {
  for (const field of fields) {
    t.test(
      `POST ${url}: no value of ${JSON.stringify(bodyWith(field, '...'))} is refused in zod's words`,
      async (t) => {
        let refused = 0;
        for (const value of values) {
          const { status, reply, text } = await send(url, bodyWith(field, value));
          t.ok([200, 400, 413, 422].includes(status), text);
          if (status === 200) continue;
          refused += 1;
          t.ok(Buffer.byteLength(text) < 4096);
          for (const { message } of reply.errors) t.notMatch(message, ofZod, JSON.stringify(value).slice(0, 80));
        }
        t.ok(refused > 0, 'some of them are refused');
      },
    );
  }
}

t.test('bodies that are no objects are refused in the same words', async (t) => {
  for (const body of [[1, 2], '1', '"x"', 'true', 'null', `[${'[1,2],'.repeat(30_000)}[1,2]]`]) {
    const { status, reply } = await send('/sample', body);
    t.equal(status, 422);
    t.same(reply.errors.length, 1);
    t.equal(reply.errors[0]?.pointer, '');
    t.match(reply.errors[0]?.message, /^must be an object/);
  }
});

t.test('every kind of issue that zod has is told in the same words', async (t) => {
  // One schema for each code of an issue, with a value that raises it.
  const kinds: readonly (readonly [string, z.ZodType, unknown])[] = [
    ['invalid_type', z.number(), 'x'],
    ['invalid_type', z.date(), 'x'],
    ['too_big', z.number().max(1), 2],
    ['too_big', z.number().lt(1), 2],
    ['too_big', z.string().max(1), 'xx'],
    ['too_big', z.array(z.any()).max(1), [1, 2]],
    ['too_small', z.number().min(1), 0],
    ['too_small', z.number().gt(1), 0],
    ['too_small', z.string().min(1), ''],
    ['too_small', z.set(z.any()).min(1), new Set()],
    ['invalid_format', z.string().regex(/y/), 'x'],
    ['invalid_format', z.email(), 'x'],
    ['not_multiple_of', z.number().multipleOf(2), 3],
    ['unrecognized_keys', z.strictObject({}), { x: 1 }],
    ['invalid_union', z.union([z.number(), z.boolean()]), 'x'],
    ['invalid_union', z.discriminatedUnion('a', [z.object({ a: z.literal('b') })]), { a: 'c' }],
    ['invalid_key', z.record(z.string().max(1), z.any()), { xx: 1 }],
    ['invalid_element', z.map(z.any(), z.string()), new Map([[{}, 1]])],
    ['invalid_value', z.enum(['a', 'b']), 'c'],
    ['invalid_value', z.literal('a'), 'c'],
    ['custom', z.string().refine(() => false), 'x'],
  ];
  for (const [code, schema, value] of kinds) {
    const { error } = schema.safeParse(value);
    t.equal(error?.issues[0]?.code, code);
    for (const { message } of validationProblem(error as z.ZodError).errors) t.notMatch(message, ofZod, code);
  }
});

t.test('the texts of common mistakes', async (t) => {
  const inputs = [tensor];
  for (const [url, body, pointer, message] of [
    ['/sample', { logits: [1], hard: 1 }, '/hard', 'must be true or false, not a number'],
    ['/sample', { logits: [1], num_samples: 0 }, '/num_samples', 'must be at least 1'],
    ['/sample', { logits: [1], num_samples: '3' }, '/num_samples', 'must be an integer, not a string'],
    ['/sample', { logits: [1], num_samples: 1.5 }, '/num_samples', 'must be an integer'],
    ['/sample', '{"logits": [1], "num_samples": 1e999}', '/num_samples', 'must be an integer'],
    ['/sample', { logits: [1], row_offset: 2 ** 32 }, '/row_offset', 'must be at most 4294967295'],
    ['/sample', { logits: [1], noise: true }, '/noise', 'must be "gumbel" or "none"'],
    ['/sample', [1, 2], '', 'must be an object, not an array'],
    ['/sample', {}, '/logits', 'is required'],
    [infer, {}, '/inputs', 'is required: an array'],
    [infer, { inputs: [] }, '/inputs', 'must have at least 1 entry'],
    [infer, { inputs, id: 'x'.repeat(1025) }, '/id', 'must have at most 1024 characters'],
    [infer, { inputs, id: 7 }, '/id', 'must be a string, not a number'],
    [infer, { inputs, parameters: [] }, '/parameters', 'must be an object, not an array'],
    [infer, { inputs, parameters: { temperature: '1' } }, '/parameters/temperature', 'must be a number, not a string'],
    [
      infer,
      `{"inputs": ${JSON.stringify(inputs)}, "parameters": {"temperature": 1e999}}`,
      '/parameters/temperature',
      'must be a finite number',
    ],
  ] as const) {
    const { reply } = await send(url, body);
    t.same(reply.errors[0], { pointer, message });
  }
});
