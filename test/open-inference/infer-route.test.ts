/**
 * POST /v2/models/{model}/infer gives what POST /sample and POST /sample/vjp give, bit for bit, and refuses what it
 * cannot.
 */
import t from 'tap';
import { type Answer, decode, encode, type Inference, type Payload, type Tensor } from '../support/inference.js';
import { testProvider } from '../support/provider.js';
import { startService } from '../support/service.js';

const service = await startService({
  ELEMENTS_RETURNED_MAX: '200',
  BINARY_ELEMENTS_RETURNED_MAX: '400',
  ROWS_MAX: '100',
});
t.teardown(service.close);

const samplePath = '/v2/models/gumbel_softmax/infer';
const vjpPath = '/v2/models/gumbel_softmax_vjp/infer';

async function post(url: string, { payload, headers }: Payload) {
  const response = await service.app.inject({ method: 'POST', url, payload, headers });
  const length = response.headers['inference-header-content-length'];
  return { status: response.statusCode, headers: response.headers, body: response.rawPayload, length };
}

/** The reply of an inference that must succeed. */
async function infer(url: string, inference: Inference): Promise<Answer> {
  const { status, body, length } = await post(url, encode(inference));
  if (status !== 200) throw new Error(`${status} ${body}`);
  return decode(body, length === undefined ? body.length : Number(length));
}

/** The status and the error of one that must not. */
async function refusal(url: string, payload: Payload) {
  const { status, headers, body } = await post(url, payload);
  const { error, code, errors, request_id } = JSON.parse(body.toString());
  t.equal(headers['content-type'], 'application/json');
  t.ok(String(error).startsWith(`${code}: `) && typeof request_id === 'string');
  return { status, code, pointer: errors[0]?.pointer as string | undefined, error: error as string };
}

const logits: Tensor = {
  name: 'logits',
  datatype: 'FP32',
  shape: [2, 3],
  values: [1, 0.5, -1, 0, -Infinity, 2],
  binary: false,
};
const all = [
  'samples',
  'indices',
  'top_indices',
  'log_samples',
  'log_prob',
  'noise',
  'index_log_prob',
  'top_scores',
  'top_threshold',
  'top_log_prob',
];
const sampleLogits = [
  [1, 0.5, -1],
  [0, null, 2],
];

/** The numbers of a /sample reply in the order of its axes; null is -Infinity. */
function flat(value: unknown): number[] {
  return [value].flat(3).map((number) => (number === null ? -Infinity : (number as number)));
}

/** The same as float32, which JSON spells in fewer digits. */
function floats(value: unknown): number[] {
  return [...Float32Array.from(flat(value))];
}

t.test('every output equals that of POST /sample, in JSON and in bytes', async (t) => {
  const fields = { temperature: 0.3, seed: 7, num_samples: 2, top_k: 2, row_offset: 5, sample_offset: 9 };
  const names = all.filter((name) => name !== 'top_indices');
  const { reply } = await service.sample({ logits: sampleLogits, ...fields, return: names });
  for (const binary of [false, true]) {
    const outputs = all.map((name) => ({ name, parameters: { binary_data: binary } }));
    const answer = await infer(samplePath, { inputs: [{ ...logits, binary }], parameters: fields, outputs });
    t.same(Object.keys(answer.outputs), all, 'in the order of the request');
    for (const name of all) {
      const { numbers, shape } = answer.outputs[name] as { numbers: Float32Array; shape: number[] };
      const expected = flat((reply as never as Record<string, unknown>)[name]);
      t.same(
        [...numbers],
        [...(numbers.constructor as Float32ArrayConstructor).from(expected)],
        `${name}, binary: ${binary}`,
      );
      t.equal(
        shape.reduce((product, size) => product * size, 1),
        numbers.length,
      );
      t.equal(shape[0], 2, 'the axis of samples comes first');
    }
  }
});

t.test('gradients equal those of POST /sample/vjp', async (t) => {
  const cotangent: Tensor = { ...logits, name: 'cotangent', values: [1, 0, 2, -1, 0, 3] };
  for (const [hard, estimator] of [
    [false, 'straight_through'],
    [true, 'straight_through'],
    [true, 'reinmax'],
  ] as const) {
    const fields = { temperature: 0.3, hard, seed: '18446744073709551615', estimator };
    const body = {
      ...fields,
      logits: sampleLogits,
      cotangent: [
        [1, 0, 2],
        [-1, 0, 3],
      ],
    };
    const { reply } = await service.post('/sample/vjp', body);
    const answer = await infer(vjpPath, {
      inputs: [
        { ...logits, binary: true },
        { ...cotangent, binary: true },
      ],
      parameters: { ...fields, binary_data_output: true },
    });
    t.same(answer.outputs.grad_logits, {
      shape: [2, 3],
      datatype: 'FP32',
      numbers: Float32Array.from(flat(reply.grad_logits)),
    });
    if (estimator === 'reinmax') t.same(Object.keys(answer.outputs), ['grad_logits']);
    else t.same([...answer.outputs.grad_temperature.numbers], floats(reply.grad_temperature));
  }
});

t.test('a temperature per row has a gradient per row, and samples of one row sum their gradients', async (t) => {
  const temperature: Tensor = { name: 'temperature', datatype: 'FP32', shape: [2], values: [0.5, 2], binary: true };
  const values = Array.from({ length: 12 }, (_, at) => at - 5);
  const cotangent: Tensor = { name: 'cotangent', datatype: 'FP64', shape: [2, 2, 3], values, binary: true };
  const { reply } = await service.post('/sample/vjp', {
    logits: sampleLogits,
    temperature: [0.5, 2],
    seed: 3,
    num_samples: 2,
    cotangent: [0, 1].map((sample) =>
      [0, 1].map((row) => values.slice(6 * sample + 3 * row, 6 * sample + 3 * row + 3)),
    ),
  });
  const answer = await infer(vjpPath, {
    inputs: [logits, temperature, cotangent],
    parameters: { seed: 3, num_samples: 2 },
  });
  t.same([...answer.outputs.grad_logits.numbers], floats(reply.grad_logits));
  t.same(answer.outputs.grad_temperature, {
    shape: [2],
    datatype: 'FP32',
    numbers: Float32Array.from(flat(reply.grad_temperature)),
  });
});

t.test('tensors of one entry per row, in the datatypes they may have', async (t) => {
  const { reply } = await service.sample({
    logits: sampleLogits,
    temperature: [0.5, 2],
    seed: ['18446744073709551615', 4],
  });
  for (const [binary, seeds] of [
    [true, [2n ** 64n - 1n, 4n]],
    [false, [3, 4]],
  ] as const) {
    const inputs: Tensor[] = [
      { ...logits, binary },
      { name: 'temperature', datatype: 'FP64', shape: [2], values: [0.5, 2], binary },
      {
        name: 'seed',
        datatype: 'UINT64',
        shape: [2],
        values: seeds.map((seed) => BigInt.asIntN(64, BigInt(seed))),
        binary,
      },
    ];
    const answer = await infer(samplePath, { inputs });
    const rows = [...answer.outputs.samples.numbers];
    if (binary) t.same(rows, floats(reply.samples));
    else t.same(rows.slice(3), floats(reply.samples).slice(3), 'the second row has the same seed in both');
    t.equal('seed' in answer.head.parameters, false, 'seeds that came one per row do not come back');
  }
});

t.test(
  'rows may be hard or soft one by one, and each equals the row of a request that is all one or the other',
  async (t) => {
    const hard: Tensor = { name: 'hard', datatype: 'BOOL', shape: [2], values: [0, 1], binary: true };
    for (const outputs of [[{ name: 'samples' }], [{ name: 'indices' }, { name: 'samples' }], [{ name: 'indices' }]]) {
      const fields = { parameters: { seed: 1, num_samples: 3 }, outputs };
      const mixed = await infer(samplePath, { inputs: [logits, hard], ...fields });
      t.same(
        Object.keys(mixed.outputs),
        outputs.map(({ name }) => name),
      );
      const [soft, oneHot] = [
        await infer(samplePath, { inputs: [logits], ...fields }),
        await infer(samplePath, { inputs: [logits, { ...hard, values: [1, 1] }], ...fields }),
      ];
      t.same(mixed.outputs.indices, soft.outputs.indices);
      if (!mixed.outputs.samples) continue;
      for (let at = 0; at < 18; at++) {
        const expected = at % 6 < 3 ? soft.outputs.samples : oneHot.outputs.samples;
        t.equal(mixed.outputs.samples.numbers[at], expected.numbers[at]);
      }
    }
  },
);

t.test('FP16, BF16 and FP64 logits are converted, and those of 16 bits need bytes', async (t) => {
  const { reply } = await service.sample({ logits: [1, 0.5, -2], seed: 1 });
  const halves: Tensor = {
    name: 'logits',
    datatype: 'FP16',
    shape: [1, 3],
    values: [0x3c00, 0x3800, 0xc000],
    binary: true,
  };
  const brains: Tensor = { ...halves, datatype: 'BF16', values: [0x3f80, 0x3f00, 0xc000] };
  const doubles: Tensor = { ...halves, datatype: 'FP64', values: [1, 0.5, -2] };
  for (const tensor of [halves, brains, doubles, { ...doubles, binary: false }]) {
    const answer = await infer(samplePath, { inputs: [tensor], parameters: { seed: 1 } });
    t.same([...answer.outputs.samples.numbers], floats(reply.samples));
  }
  for (const tensor of [halves, brains]) {
    t.match(await refusal(samplePath, encode({ inputs: [{ ...tensor, binary: false }] })), {
      status: 422,
      code: 'validation',
      pointer: '/inputs/0/datatype',
      error: new RegExp(`${tensor.datatype} must be sent as binary data`),
    });
  }
});

t.test('a raw body is one row of FP32 logits, and everything comes back as bytes', async (t) => {
  const payload = Buffer.from(Float32Array.of(1, 0.5, -Infinity, -1).buffer);
  const headers = { 'inference-header-content-length': '0', 'content-type': 'application/octet-stream' };
  const { status, body, length } = await post(samplePath, { payload, headers });
  t.equal(status, 200);
  const { head, outputs } = decode(body, Number(length));
  const { reply } = await service.sample({ logits: [1, 0.5, null, -1], seed: head.parameters.seed });
  t.same([...outputs.samples.numbers], floats(reply.samples));
  t.same([...outputs.indices.numbers], flat(reply.indices));
  t.match(await refusal(samplePath, { payload: payload.subarray(1), headers }), {
    status: 400,
    code: 'shape-size-mismatch',
  });
  t.match(await refusal(samplePath, { payload: Buffer.alloc(0), headers }), { status: 422, code: 'empty-input' });
  t.match(await refusal(vjpPath, { payload, headers }), { status: 400, code: 'malformed-binary' });
});

t.test('the reply says which model, which request and which draw it was', async (t) => {
  const { head } = await infer(`${samplePath.replace('/infer', '')}/versions/1/infer`, {
    id: 'an "id"',
    inputs: [logits],
  });
  const { seed, ...parameters } = head.parameters;
  t.match(head, { model_name: 'gumbel_softmax', model_version: '1', id: 'an "id"' });
  t.same(parameters, { noise_version: 'philox4x32-10/1', provider: testProvider });
  t.match(seed, /^\d+$/);
  const again = await infer(samplePath, { inputs: [logits], parameters: { seed } });
  t.equal('id' in again.head, false, 'no id where none was sent');
  t.equal(again.head.parameters.seed, seed);
});

t.test('large replies come in chunks with their whole length, and equal the small ones', async (t) => {
  const large = await startService();
  t.teardown(large.close);
  const inference: Inference = {
    inputs: [{ name: 'logits', datatype: 'FP32', shape: [1, 1000], values: Array(1000).fill(0), binary: true }],
    parameters: { seed: 5, num_samples: 500, binary_data_output: true },
    outputs: [{ name: 'samples' }, { name: 'indices', parameters: { binary_data: false } }],
  };
  const { payload, headers } = encode(inference);
  const response = await large.app.inject({ method: 'POST', url: samplePath, payload, headers });
  t.equal(Number(response.headers['content-length']), response.rawPayload.length);
  const { outputs } = decode(response.rawPayload, Number(response.headers['inference-header-content-length']));
  const { reply } = await large.sample({ logits: Array(1000).fill(0), seed: 5, num_samples: 500 });
  t.ok(Buffer.from(outputs.samples.numbers.buffer).equals(Buffer.from(Float32Array.from(flat(reply.samples)).buffer)));
  t.same([...outputs.indices.numbers], flat(reply.indices));
});

/** Requests that are wrong in one way: what is sent, and the status, code and place of the refusal. */
const wrong: readonly [
  title: string,
  inference: object,
  status: number,
  code: string,
  pointer: string,
  text?: string,
][] = [
  ['no input', { inputs: [] }, 422, 'validation', '/inputs'],
  [
    'no logits',
    { inputs: [{ name: 'seed', shape: [1], datatype: 'UINT64', data: [1] }] },
    422,
    'validation',
    '/inputs',
  ],
  ['an unknown field', { inputs: [logits], seeds: 1 }, 422, 'validation', '/seeds'],
  [
    'an unknown parameter',
    { inputs: [logits], parameters: { sequence_id: 1 } },
    422,
    'validation',
    '/parameters/sequence_id',
  ],
  ['an unknown input', { inputs: [logits, { ...logits, name: 'bias' }] }, 422, 'validation', '/inputs/1/name'],
  [
    'an input that every object inherits',
    { inputs: [{ ...logits, name: 'constructor' }] },
    422,
    'validation',
    '/inputs/0/name',
  ],
  ['an input twice', { inputs: [logits, logits] }, 422, 'validation', '/inputs/1/name'],
  ['an unknown datatype', { inputs: [{ ...logits, datatype: 'FP8' }] }, 422, 'validation', '/inputs/0/datatype'],
  [
    'another datatype than the model takes',
    { inputs: [{ ...logits, datatype: 'INT64' }] },
    422,
    'validation',
    '/inputs/0/datatype',
  ],
  [
    'a shape of nine axes',
    { inputs: [{ ...logits, shape: [1, 1, 1, 1, 1, 1, 1, 2, 3] }] },
    422,
    'validation',
    '/inputs/0/shape',
    'has 9 axes, but at most 8',
  ],
  ['a shape of ten axes', { inputs: [{ ...logits, shape: Array(10).fill(1) }] }, 422, 'validation', '/inputs/0/shape'],
  ['a negative size', { inputs: [{ ...logits, shape: [-2, -3] }] }, 422, 'validation', '/inputs/0/shape/0'],
  ['a size that is no integer', { inputs: [{ ...logits, shape: [1.5, 4] }] }, 422, 'validation', '/inputs/0/shape/0'],
  [
    'a shape whose product overflows',
    { inputs: [{ ...logits, shape: [2 ** 40, 2 ** 40] }] },
    400,
    'shape-size-mismatch',
    '/inputs/0/shape',
  ],
  [
    'fewer elements than the shape says',
    { inputs: [{ ...logits, shape: [2, 4] }] },
    400,
    'shape-size-mismatch',
    '/inputs/0/data',
  ],
  [
    'rows nested otherwise than the shape says',
    {
      inputs: [
        {
          ...logits,
          data: [
            [1, 2],
            [3, 4],
            [5, 6],
          ],
        },
      ],
    },
    400,
    'shape-size-mismatch',
    '/inputs/0/data',
  ],
  [
    'ragged rows',
    {
      inputs: [
        {
          ...logits,
          data: [
            [1, 2, 3],
            [4, 5],
          ],
        },
      ],
    },
    400,
    'shape-size-mismatch',
    '/inputs/0/data',
  ],
  [
    'data that is no array of numbers',
    { inputs: [{ ...logits, data: [1, 2, '3', 4, 5, 6] }] },
    422,
    'validation',
    '/inputs/0/data',
  ],
  ['neither data nor bytes', { inputs: [{ ...logits, data: undefined }] }, 422, 'validation', '/inputs/0'],
  ['data and bytes', { inputs: [{ ...logits, parameters: { binary_data_size: 24 } }] }, 422, 'validation', '/inputs/0'],
  ['no rows', { inputs: [{ ...logits, shape: [0, 3], data: [] }] }, 422, 'empty-input', '/inputs/0'],
  [
    'too many rows',
    { inputs: [{ ...logits, shape: [101, 1], data: Array(101).fill(1) }] },
    413,
    'too-many-elements',
    '/inputs/0',
  ],
  [
    'a logit beyond float32',
    { inputs: [{ ...logits, data: [1, 2, 3, 4, 1e39, 6] }] },
    422,
    'non-finite-logits',
    '/inputs/0',
    'at row 1, column 1: is infinite in float32: send a magnitude of at most 3.4028235e38',
  ],
  [
    'a row of masks',
    { inputs: [{ ...logits, data: [1, 2, 3, null, null, null] }] },
    422,
    'all-masked-row',
    '/inputs/0',
    'at row 1: ',
  ],
  [
    'a seed above 2^53 - 1',
    { inputs: [logits, { name: 'seed', shape: [1], datatype: 'UINT64', data: [2 ** 53] }] },
    422,
    'invalid-seed',
    '/inputs/1',
  ],
  [
    'a negative seed',
    { inputs: [logits, { name: 'seed', shape: [2], datatype: 'INT64', data: [1, -1] }] },
    422,
    'invalid-seed',
    '/inputs/1',
    'at row 1: ',
  ],
  [
    'a seed that is no integer',
    { inputs: [logits, { name: 'seed', shape: [1], datatype: 'UINT64', data: [1.5] }] },
    422,
    'invalid-seed',
    '/inputs/1',
  ],
  [
    'a seed in quotes',
    { inputs: [logits, { name: 'seed', shape: [1], datatype: 'UINT64', data: ['1'] }] },
    422,
    'validation',
    '/inputs/1/data',
  ],
  [
    'a seed as parameter above 2^64 - 1',
    { inputs: [logits], parameters: { seed: '18446744073709551616' } },
    422,
    'invalid-seed',
    '/parameters/seed',
  ],
  [
    'seeds per row as parameter',
    { inputs: [logits], parameters: { seed: [1, 2] } },
    422,
    'validation',
    '/parameters/seed',
  ],
  [
    'one seed in an array as parameter',
    { inputs: [logits], parameters: { seed: [1] } },
    422,
    'validation',
    '/parameters/seed',
  ],
  [
    'a seed twice',
    { inputs: [logits, { name: 'seed', shape: [1], datatype: 'UINT64', data: [1] }], parameters: { seed: 1 } },
    422,
    'validation',
    '/parameters/seed',
  ],
  [
    'three temperatures for two rows',
    { inputs: [logits, { name: 'temperature', shape: [3], datatype: 'FP32', data: [1, 2, 3] }] },
    422,
    'validation',
    '/inputs/1/shape',
  ],
  [
    'no temperatures',
    { inputs: [logits, { name: 'temperature', shape: [0], datatype: 'FP32', data: [] }] },
    422,
    'validation',
    '/inputs/1/shape',
  ],
  [
    'a temperature of 0',
    { inputs: [logits, { name: 'temperature', shape: [2], datatype: 'FP32', data: [1, 0] }] },
    422,
    'temperature-out-of-range',
    '/inputs/1',
    'at row 1: ',
  ],
  [
    'a temperature of 0 as parameter',
    { inputs: [logits], parameters: { temperature: 0 } },
    422,
    'temperature-out-of-range',
    '/parameters/temperature',
  ],
  [
    'flags that are numbers',
    { inputs: [logits, { name: 'hard', shape: [2], datatype: 'BOOL', data: [1, 0] }] },
    422,
    'validation',
    '/inputs/1/data',
  ],
  [
    'row_offset with seeds per row',
    { inputs: [logits, { name: 'seed', shape: [2], datatype: 'UINT64', data: [1, 2] }], parameters: { row_offset: 1 } },
    422,
    'validation',
    '/parameters/row_offset',
  ],
  [
    'an unknown output',
    { inputs: [logits], outputs: [{ name: 'probabilities' }] },
    422,
    'validation',
    '/outputs/0/name',
  ],
  [
    'an output twice',
    { inputs: [logits], outputs: [{ name: 'noise' }, { name: 'noise' }] },
    422,
    'validation',
    '/outputs/1/name',
  ],
  [
    'an output parameter that is not known',
    { inputs: [logits], outputs: [{ name: 'noise', parameters: { classification: 2 } }] },
    422,
    'validation',
    '/outputs/0/parameters',
  ],
  [
    'top_indices without top_k',
    { inputs: [logits], outputs: [{ name: 'top_indices' }] },
    422,
    'validation',
    '/outputs/0/name',
  ],
  [
    'top_k without top_indices',
    { inputs: [logits], outputs: [{ name: 'samples' }], parameters: { top_k: 2 } },
    422,
    'validation',
    '/parameters/top_k',
  ],
  [
    'more of top_k than there are categories',
    { inputs: [logits], parameters: { top_k: 3 } },
    422,
    'validation',
    '/parameters/top_k',
  ],
  [
    'an estimator for a draw',
    { inputs: [logits], parameters: { estimator: 'reinmax' } },
    422,
    'validation',
    '/parameters/estimator',
  ],
  ['the name of another model', { inputs: [logits], model_name: 'resnet' }, 422, 'validation', '/model_name'],
  ['an id that is too long', { inputs: [logits], id: 'x'.repeat(1025) }, 422, 'validation', '/id'],
  [
    'more numbers in JSON than a reply holds',
    { inputs: [logits], parameters: { num_samples: 30 } },
    413,
    'too-many-elements',
    '',
  ],
  [
    'more numbers in bytes than a reply holds',
    { inputs: [logits], parameters: { num_samples: 60, binary_data_output: true } },
    413,
    'too-many-elements',
    '',
  ],
];

t.test('a request that is wrong is told what is wrong, and where', async (t) => {
  for (const [title, inference, status, code, pointer, text] of wrong) {
    const { inputs, ...rest } = inference as { inputs: (Tensor & { data?: unknown })[] };
    const declared = inputs.map(({ values, binary: _, ...input }) => ({
      ...input,
      ...('data' in input || values === undefined
        ? {}
        : { data: values.map((value) => (value === -Infinity ? null : value)) }),
    }));
    const payload = Buffer.from(JSON.stringify({ ...rest, inputs: declared }));
    const refused = await refusal(samplePath, { payload, headers: {} });
    t.match(refused, { status, code, pointer }, title);
    if (text) t.match(refused.error, text, title);
  }
});

t.test('a gradient needs a seed, a cotangent of the right shape, finite, and an estimator that fits', async (t) => {
  const cotangent: Tensor = { ...logits, name: 'cotangent', values: [1, 2, 3, 4, 5, 6] };
  const seeded = { parameters: { seed: 1 } };
  for (const [inference, status, code, pointer] of [
    [{ inputs: [logits, cotangent] }, 422, 'validation', '/inputs'],
    [{ inputs: [logits], ...seeded }, 422, 'validation', '/inputs'],
    [{ inputs: [logits, { ...cotangent, shape: [3, 2] }], ...seeded }, 422, 'validation', '/inputs/1/shape'],
    [{ inputs: [logits, { ...cotangent, shape: [6] }], ...seeded }, 422, 'validation', '/inputs/1/shape'],
    [
      { inputs: [logits, { ...cotangent, values: [1, 2, -Infinity, 4, 5, 6] }], ...seeded },
      422,
      'validation',
      '/inputs/1',
    ],
    [
      { inputs: [logits, cotangent], parameters: { seed: 1, estimator: 'reinmax' } },
      422,
      'validation',
      '/parameters/estimator',
    ],
    [{ inputs: [logits, cotangent], parameters: { seed: 1, top_k: 1 } }, 422, 'validation', '/parameters/top_k'],
    [
      {
        inputs: [logits, cotangent],
        parameters: { seed: 1, hard: true, estimator: 'reinmax' },
        outputs: [{ name: 'grad_temperature' }],
      },
      422,
      'validation',
      '/outputs/0/name',
    ],
    [
      {
        inputs: [
          { ...logits, values: [0, 0, 0, 0, 0, 0] },
          { ...cotangent, values: [0, 0, 0, 3e38, -3e38, 0] },
        ],
        parameters: { seed: 1, temperature: 1e-3, noise: 'none' },
      },
      422,
      'gradient-overflow',
      '/inputs/0',
    ],
  ] as const) {
    t.match(await refusal(vjpPath, encode(inference)), { status, code, pointer }, JSON.stringify(inference));
  }
});

t.test('NaN and +infinity in bytes are refused by row and column, and only -infinity masks', async (t) => {
  for (const [value, datatype] of [
    [Number.NaN, 'FP32'],
    [Infinity, 'FP32'],
    [-1e39, 'FP64'],
  ] as const) {
    const tensor: Tensor = { ...logits, datatype, values: [1, 2, 3, 4, 5, value], binary: true };
    const refused = await refusal(samplePath, encode({ inputs: [tensor] }));
    t.match(refused, { status: 422, code: 'non-finite-logits', pointer: '/inputs/0', error: 'at row 1, column 2: ' });
  }
  const masked: Tensor = { ...logits, values: [1, 2, 3, -Infinity, -Infinity, -Infinity], binary: true };
  t.match(await refusal(samplePath, encode({ inputs: [masked] })), {
    status: 422,
    code: 'all-masked-row',
    error: 'at row 1: ',
  });
});

t.test('unknown models, versions and paths are 404 in the form of the protocol, other methods 405', async (t) => {
  const payload = encode({ inputs: [logits] });
  t.match(await refusal('/v2/models/resnet/infer', payload), { status: 404, code: 'unknown-model' });
  t.match(await refusal('/v2/models/constructor/infer', payload), { status: 404, code: 'unknown-model' });
  t.match(await refusal('/v2/models/gumbel_softmax/versions/2/infer', payload), { status: 404, code: 'unknown-model' });
  t.match(await refusal('/v2/models/gumbel_softmax/generate', payload), { status: 404, code: 'not-found' });
  t.match(await refusal('/v2/health/ready', payload), { status: 405, code: 'method-not-allowed' });
  const got = await service.app.inject(samplePath);
  t.match([got.statusCode, got.headers.allow, got.json()], [405, 'POST', { code: 'method-not-allowed' }]);
});

t.test(
  'what the protocol asks of a server and its models is answered, and unreadiness is said in its form',
  async (t) => {
    const get = async (url: string) => {
      const response = await service.app.inject(url);
      return [response.statusCode, response.json()];
    };
    const parameters = {
      noise_version: 'philox4x32-10/1',
      provider: testProvider,
      device: service.sampler.device,
    };
    t.same(await get('/v2'), [
      200,
      { name: 'gumbel-sampler', version: '0.0.0', extensions: ['binary_tensor_data'], parameters },
    ]);
    t.same(await get('/v2/health/live'), [200, { live: true }]);
    t.same(await get('/v2/health/ready'), [200, { ready: true }]);
    for (const path of ['/v2/models/gumbel_softmax', '/v2/models/gumbel_softmax/versions/1']) {
      t.same(await get(`${path}/ready`), [200, { name: 'gumbel_softmax', ready: true }]);
      t.match(await get(path), [200, { name: 'gumbel_softmax', versions: ['1'], platform: 'onnxruntime_onnx' }]);
    }
    const [, { inputs, outputs }] = await get('/v2/models/gumbel_softmax_vjp');
    t.same(inputs[0], { name: 'logits', datatype: 'FP32', shape: [-1, -1] });
    t.same(inputs.at(-1), { name: 'cotangent', datatype: 'FP32', shape: [-1, -1] });
    t.same(
      outputs.map(({ name }: { name: string }) => name),
      ['grad_logits', 'grad_temperature'],
    );
    t.match(await get('/v2/models/gumbel_softmax/versions/2'), [404, { code: 'unknown-model' }]);
    service.lifecycle.draining = true;
    t.match(await get('/v2/health/ready'), [503, { code: 'draining', error: /^draining: / }]);
    t.match(await get('/v2/models/gumbel_softmax/ready'), [503, { code: 'draining' }]);
    t.same(await get('/v2/health/live'), [200, { live: true }]);
    service.lifecycle.draining = false;
  },
);
