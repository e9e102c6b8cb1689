/** The model gumbel_softmax_log_prob gives what POST /log-prob gives, bit for bit, and refuses what it cannot. */
import t from 'tap';
import { decode, encode, type Inference, type Tensor } from '../support/inference.js';
import { startService } from '../support/service.js';

const service = await startService({ ELEMENTS_RETURNED_MAX: '200', BINARY_ELEMENTS_RETURNED_MAX: '400' });
t.teardown(service.close);

const url = '/v2/models/gumbel_softmax_log_prob/infer';

async function post({ payload, headers }: ReturnType<typeof encode>) {
  const response = await service.app.inject({ method: 'POST', url, payload, headers });
  const length = response.headers['inference-header-content-length'];
  const body = response.rawPayload;
  return { status: response.statusCode, body, length: length === undefined ? body.length : Number(length) };
}

/** The output of an inference that must succeed. */
async function infer(inference: Inference) {
  const { status, body, length } = await post(encode(inference));
  if (status !== 200) throw new Error(`${status} ${body}`);
  const { head, outputs } = decode(body, length);
  return { head, ...outputs.log_prob };
}

const rows = [
  [1, 0.5, -1],
  [0, null, 2],
];
const logits: Tensor = {
  name: 'logits',
  datatype: 'FP32',
  shape: [2, 3],
  values: [1, 0.5, -1, 0, -Infinity, 2],
  binary: false,
};

function tensor(name: string, datatype: Tensor['datatype'], shape: number[], values: number[]): Tensor {
  return { name, datatype, shape, values, binary: false };
}

/** The numbers of POST /log-prob, null as -Infinity. */
async function expected(body: object): Promise<number[]> {
  const { status, reply, text } = await service.post('/log-prob', { logits: rows, ...body });
  if (status !== 200) throw new Error(text);
  return [reply.log_prob as never].flat(2).map((value) => value ?? -Infinity);
}

const samples = [
  [0.25, 0.5, 0.25],
  [0.5, 0, 0.5],
  [0.75, 0.125, 0.125],
  [0.125, 0, 0.875],
];
const logSamples = samples.map((sample) =>
  sample.map((value) => (value === 0 ? -Infinity : Math.fround(Math.log(value)))),
);
const nulls = (values: number[][]) => values.map((row) => row.map((value) => (value === -Infinity ? null : value)));
const pairs = <Value>(list: Value[]) => [list.slice(0, 2), list.slice(2)];

t.test('every kind of points, with and without samples in front, in JSON and in bytes', async (t) => {
  const temperature = tensor('temperature', 'FP32', [2], [0.5, 2]);
  const perRow = { temperature: [0.5, 2] };
  for (const [points, body, others] of [
    [
      tensor('samples', 'FP32', [2, 3], samples.slice(0, 2).flat()),
      { samples: samples.slice(0, 2), ...perRow },
      [temperature],
    ],
    [tensor('samples', 'FP64', [2, 2, 3], samples.flat()), { samples: pairs(samples), ...perRow }, [temperature]],
    [
      tensor('log_samples', 'FP32', [2, 2, 3], logSamples.flat()),
      { log_samples: pairs(nulls(logSamples)), ...perRow },
      [temperature],
    ],
    [tensor('samples', 'FP32', [2, 3], samples.slice(0, 2).flat()), { samples: samples.slice(0, 2) }, []],
    [tensor('indices', 'INT64', [2], [2, 1]), { indices: [2, 1] }, []],
    [
      tensor('indices', 'INT32', [3, 2], [0, 0, 1, 1, 2, 2]),
      {
        indices: [
          [0, 0],
          [1, 1],
          [2, 2],
        ],
      },
      [],
    ],
    [
      tensor('top_indices', 'INT64', [2, 2], [2, 0, 0, 2]),
      {
        top_indices: [
          [2, 0],
          [0, 2],
        ],
      },
      [],
    ],
    [
      tensor('top_indices', 'INT32', [2, 2, 1], [2, 0, 1, 2]),
      {
        top_indices: [
          [[2], [0]],
          [[1], [2]],
        ],
      },
      [],
    ],
  ] as const) {
    const numbers = await expected(body);
    for (const [binaryIn, binaryOut] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ]) {
      const inputs = [{ ...logits, binary: binaryIn }, { ...points, binary: binaryIn }, ...others];
      const answer = await infer({ inputs, parameters: { binary_data_output: binaryOut } });
      t.same([...answer.numbers], numbers, `${points.name} ${points.datatype} [${points.shape}], binary: ${binaryIn}`);
      t.same(answer.shape, points.name === 'indices' ? points.shape : points.shape.slice(0, -1));
      t.equal(answer.datatype, 'FP64');
      t.equal(answer.head.parameters.seed, undefined, 'no noise, no seed');
    }
  }
});

t.test('a temperature as a parameter, nested data, and integers spelled with a point', async (t) => {
  const points = tensor('samples', 'FP32', [2, 3], samples.slice(0, 2).flat());
  const answer = await infer({ inputs: [logits, points], parameters: { temperature: 0.25 } });
  t.same([...answer.numbers], await expected({ samples: samples.slice(0, 2), temperature: 0.25 }));
  const json = `{"inputs":[{"name":"logits","datatype":"FP32","shape":[1,3],"data":[1,0.5,-1]},{"name":"top_indices","datatype":"INT64","shape":[1,2],"data":[[2.0,0]]}]}`;
  const { body } = await post({ payload: Buffer.from(json), headers: {} });
  t.equal(
    JSON.parse(body.toString()).outputs[0].data[0],
    (await expected({ logits: [1, 0.5, -1], top_indices: [2, 0] }))[0],
  );
});

t.test('its metadata and readiness', async (t) => {
  const { inputs, outputs } = (await service.app.inject('/v2/models/gumbel_softmax_log_prob')).json();
  t.same(inputs, [
    { name: 'logits', datatype: 'FP32', shape: [-1, -1] },
    { name: 'temperature', datatype: 'FP32', shape: [-1] },
    { name: 'samples', datatype: 'FP32', shape: [-1, -1] },
    { name: 'log_samples', datatype: 'FP32', shape: [-1, -1] },
    { name: 'indices', datatype: 'INT64', shape: [-1] },
    { name: 'top_indices', datatype: 'INT64', shape: [-1, -1] },
  ]);
  t.same(outputs, [{ name: 'log_prob', datatype: 'FP64', shape: [-1] }]);
  const ready = await service.app.inject('/v2/models/gumbel_softmax_log_prob/versions/1/ready');
  t.same(ready.json(), { name: 'gumbel_softmax_log_prob', ready: true });
});

const indices = tensor('indices', 'INT64', [2], [0, 0]);
const soft = tensor('samples', 'FP32', [2, 3], [0.25, 0.5, 0.25, 0.5, 0, 0.5]);
const logs = tensor('log_samples', 'FP32', [2, 3], logSamples.slice(0, 2).flat());
const top = tensor('top_indices', 'INT64', [2, 2], [0, 1, 0, 2]);

const wrong: readonly [
  title: string,
  inference: Inference,
  status: number,
  code: string,
  pointer: string,
  text: string,
][] = [
  ['no points', { inputs: [logits] }, 422, 'validation', '/inputs', 'exactly one of the tensors'],
  ['two kinds', { inputs: [logits, indices, soft] }, 422, 'validation', '/inputs', 'exactly one of the tensors'],
  [
    'a temperature with indices',
    { inputs: [logits, indices], parameters: { temperature: 1 } },
    422,
    'validation',
    '/parameters/temperature',
    'leave it out',
  ],
  [
    'a tensor of temperatures with top_indices',
    { inputs: [logits, top, tensor('temperature', 'FP32', [1], [1])] },
    422,
    'validation',
    '/inputs/2',
    'leave it out',
  ],
  [
    'an index out of range',
    { inputs: [logits, { ...indices, values: [0, 3] }] },
    422,
    'validation',
    '/inputs/1',
    'at row 1: must be an integer from 0 to 2',
  ],
  [
    'a repeat',
    { inputs: [logits, { ...top, values: [0, 1, 2, 2] }] },
    422,
    'validation',
    '/inputs/1',
    'at row 1, column 1: is there a second time',
  ],
  [
    'a masked category',
    { inputs: [logits, { ...top, values: [0, 1, 0, 1] }] },
    422,
    'validation',
    '/inputs/1',
    'at row 1, column 1: is a masked category',
  ],
  [
    'a fraction',
    { inputs: [logits, { ...indices, values: [0, 0.9999999999] }] },
    422,
    'validation',
    '/inputs/1',
    'at row 1: must be an integer',
  ],
  [
    'floats for indices',
    { inputs: [logits, { ...indices, datatype: 'FP32' }] },
    422,
    'validation',
    '/inputs/1/datatype',
    'INT64 or INT32',
  ],
  [
    'integers for samples',
    { inputs: [logits, { ...soft, datatype: 'INT64', values: [1, 0, 0, 0, 0, 1] }] },
    422,
    'validation',
    '/inputs/1/datatype',
    'FP32',
  ],
  [
    'another shape',
    { inputs: [logits, { ...soft, shape: [3, 2] }] },
    422,
    'validation',
    '/inputs/1/shape',
    '[2, 3], or [S, 2, 3]',
  ],
  [
    'indices of three rows',
    { inputs: [logits, tensor('indices', 'INT64', [3], [0, 0, 0])] },
    422,
    'validation',
    '/inputs/1/shape',
    '[2], or [S, 2]',
  ],
  [
    'no samples in front',
    { inputs: [logits, tensor('samples', 'FP32', [0, 2, 3], [])] },
    422,
    'validation',
    '/inputs/1/shape',
    '[2, 3], or [S, 2, 3]',
  ],
  [
    'a zero',
    { inputs: [logits, { ...soft, values: [0, 0.5, 0.5, 1, 0, 0] }] },
    422,
    'zero-sample',
    '/inputs/1',
    'at row 0, column 0: is 0',
  ],
  [
    'a sum',
    { inputs: [logits, { ...soft, values: [0.25, 0.5, 0.25, 0.5, 0, 0.25] }] },
    422,
    'not-on-simplex',
    '/inputs/1',
    'at row 1: does not sum to 1',
  ],
  [
    '-infinity where not masked',
    { inputs: [logits, { ...logs, values: [-Infinity, 0, -9, -0.7, -Infinity, -0.7] }] },
    422,
    'validation',
    '/inputs/1',
    'at row 0, column 0: must be a number',
  ],
  [
    'a seed',
    { inputs: [logits, soft], parameters: { seed: 1 } },
    422,
    'validation',
    '/parameters/seed',
    'gumbel_softmax and gumbel_softmax_vjp',
  ],
  [
    'noise',
    { inputs: [logits, soft], parameters: { noise: 'gumbel' } },
    422,
    'validation',
    '/parameters/noise',
    'not of gumbel_softmax_log_prob',
  ],
  [
    'top_k',
    { inputs: [logits, soft], parameters: { top_k: 1 } },
    422,
    'validation',
    '/parameters/top_k',
    'is a parameter of gumbel_softmax,',
  ],
  [
    'a tensor of another model',
    { inputs: [logits, tensor('seed', 'INT64', [1], [1])] },
    422,
    'validation',
    '/inputs/1/name',
    'of the model gumbel_softmax;',
  ],
  [
    'an output of another model',
    { inputs: [logits, soft], outputs: [{ name: 'samples' }] },
    422,
    'validation',
    '/outputs/0/name',
    'of the model gumbel_softmax;',
  ],
  [
    'refused masks',
    { inputs: [logits, soft], parameters: { masks: 'refuse' } },
    422,
    'non-finite-logits',
    '/inputs/0',
    'while masks are refused',
  ],
  [
    'temperature 0',
    { inputs: [logits, soft], parameters: { temperature: 0 } },
    422,
    'temperature-out-of-range',
    '/parameters/temperature',
    '1e-6',
  ],
  [
    'three temperatures',
    { inputs: [logits, soft, tensor('temperature', 'FP32', [3], [1, 1, 1])] },
    422,
    'validation',
    '/inputs/2/shape',
    '[2]',
  ],
];

t.test('what is wrong is refused with its place, in JSON and in bytes', async (t) => {
  for (const [title, inference, status, code, pointer, text] of wrong) {
    for (const binary of [false, true]) {
      // Bytes hold no fractions of integers, and JSON no tensor without elements.
      if (binary ? title === 'a fraction' : title === 'no samples in front') continue;
      const inputs = inference.inputs.map((input) => ({ ...input, binary }));
      const answer = await post(encode({ ...inference, inputs }));
      const { code: found, error, errors } = JSON.parse(answer.body.toString());
      t.same([answer.status, found, errors[0]?.pointer], [status, code, pointer], `${title}, binary: ${binary}`);
      t.match(error, text, title);
      t.ok(answer.body.length <= 4096);
    }
  }
});

t.test('bytes that are no index or no number', async (t) => {
  const big = 2n ** 32n;
  for (const [points, text] of [
    [{ ...indices, values: [0n, big] }, 'at row 1: must be an integer from 0 to 2'],
    [{ ...indices, values: [0n, -1n] }, 'at row 1: must be an integer'],
    [{ ...indices, datatype: 'INT32' as const, values: [-1, 0] }, 'at row 0: must be an integer'],
    [{ ...indices, datatype: 'INT32' as const, values: [0, 2 ** 24 + 1] }, 'at row 1: must be an integer'],
    [{ ...soft, values: [0.25, 0.5, Number.NaN, 0, 0, 1] }, 'at row 0, column 2: is not finite'],
    [{ ...soft, values: [0.25, 0.5, -Infinity, 0, 0, 1] }, 'at row 0, column 2: is not finite'],
    [{ ...logs, values: [-1, -1, Number.NaN, 0, 0, 1] }, 'at row 0, column 2: is not finite'],
    [
      { ...logs, datatype: 'FP64' as const, values: [-1, -1, -1e300, 0, -Infinity, 1] },
      'at row 0, column 2: is not finite',
    ],
  ] as const) {
    const { status, body } = await post(encode({ inputs: [logits, { ...points, binary: true }] }));
    const { code, error, errors } = JSON.parse(body.toString());
    t.same([status, code, errors[0]?.pointer], [422, 'validation', '/inputs/1']);
    t.match(error, text);
  }
});

t.test('numbers returned are limited, in JSON and in bytes', async (t) => {
  for (const [count, binary, status] of [
    [100, false, 200],
    [101, false, 413],
    [101, true, 200],
    [201, true, 413],
  ] as const) {
    const points = tensor('indices', 'INT64', [count, 2], Array(2 * count).fill(0));
    const answer = await post(encode({ inputs: [logits, points], parameters: { binary_data_output: binary } }));
    t.equal(answer.status, status, `${count} samples of 2 rows, binary: ${binary}`);
  }
});

t.test('a raw body has no points', async (t) => {
  const { status, body } = await post({
    payload: Buffer.alloc(12),
    headers: { 'inference-header-content-length': '0' },
  });
  t.same([status, JSON.parse(body.toString()).code], [400, 'malformed-binary']);
});
