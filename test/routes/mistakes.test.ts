/** What newcomers and their clients send, and what they are told: names, places and what to send instead. */
import t from 'tap';
import { encode } from '../support/inference.js';
import { startService } from '../support/service.js';

const service = await startService();
t.teardown(service.close);

const infer = '/v2/models/gumbel_softmax/infer';
const logits = { name: 'logits', shape: [1, 3], datatype: 'FP32', data: [1, 0.5, -1] };

interface Told {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  /** The first error, as a pointer and its message. */
  readonly first: string;
  readonly pointers: readonly string[];
}

async function tell(url: string, body: unknown): Promise<Told> {
  const { status, text } = await service.post(url, body);
  const reply = JSON.parse(text);
  const errors: { pointer: string; message: string }[] = reply.errors ?? [];
  return {
    status,
    code: reply.code,
    detail: reply.detail ?? reply.error,
    first: errors[0] ? `${errors[0].pointer} ${errors[0].message}` : '',
    pointers: errors.map(({ pointer }) => pointer),
  };
}

t.test('an unknown field is named, and so is the one that was probably meant', async (t) => {
  for (const [field, meant] of [
    ['temprature', 'temperature'],
    ['Temperature', 'temperature'],
    ['temp', 'temperature'],
    ['tau', 'temperature'],
    ['logit', 'logits'],
    ['hardd', 'hard'],
    ['n', 'num_samples'],
    ['size', 'num_samples'],
    ['samples', 'num_samples'],
    ['num_sample', 'num_samples'],
    ['numSamples', 'num_samples'],
    ['num-samples', 'num_samples'],
    ['sample_shape', 'num_samples'],
    ['k', 'top_k'],
    ['topk', 'top_k'],
    ['key', 'seed'],
    ['rng', 'seed'],
    ['return_indices', 'return'],
    ['rowOffset', 'row_offset'],
    ['nosie', 'noise'],
    ['mask_s', 'masks'],
  ] as const) {
    const told = await tell('/sample', { logits: [1], [field]: 1 });
    t.match(told, { status: 422, code: 'validation', pointers: [`/${field}`] });
    t.equal(told.first, `/${field} "${field}" is not a field here; did you mean "${meant}"?`);
  }
});

t.test('one that nothing here stands for says what to do instead, or which fields there are', async (t) => {
  for (const [url, field, text] of [
    ['/sample', 'dim', /: the categories are the last axis of logits/],
    ['/sample', 'axis', /: the categories are the last axis/],
    ['/sample', 'eps', /: the noise is exact/],
    ['/sample', 'mask', /: write null in logits/],
    ['/sample', 'probs', /: send their logarithms as logits/],
    ['/sample', 'cotangent', /: it is a field of POST \/sample\/vjp/],
    ['/sample', 'estimator', /: it is a field of POST \/sample\/vjp/],
    ['/sample', 'log_samples', /: it is a field of POST \/log-prob/],
    ['/sample', 'inputs', /: it is a field of POST \/v2\/models/],
    ['/sample/vjp', 'top_k', /: it is a field of POST \/sample$/],
    ['/sample/vjp', 'return', /: it is a field of POST \/sample$/],
    ['/log-prob', 'seed', /: it is a field of POST \/sample and \/sample\/vjp/],
    ['/sample', 'zzzzzz', /; the fields are logits, temperature, hard, seed, num_samples, .*, return$/],
    [infer, 'logits', /: it belongs in inputs, as a tensor/],
    [infer, 'temperature', /: it belongs in parameters/],
    [infer, 'model_version', /: the version is part of the path/],
  ] as const) {
    const body = { logits: [1], samples: [1], seed: 1, inputs: [logits], cotangent: [1] };
    const legal: Record<string, readonly string[]> = {
      '/sample': ['logits'],
      '/sample/vjp': ['logits', 'seed', 'cotangent'],
      '/log-prob': ['logits', 'samples'],
      [infer]: ['inputs'],
    };
    const own = Object.fromEntries(Object.entries(body).filter(([name]) => legal[url]?.includes(name)));
    const told = await tell(url, { ...own, [field]: 1 });
    t.equal(told.status, 422);
    t.equal(told.pointers[0], `/${field}`);
    t.match(told.first, text);
  }
});

t.test('unknown fields of nested objects are named at their place', async (t) => {
  const schedule = { schedule: 'exponential', initial: 1, minimum: 0.5, rate: 1e-4, step: 3 };
  for (const [url, body, first] of [
    [
      '/sample',
      { logits: [1], temperature: { ...schedule, decay: 1 } },
      '/temperature/decay "decay" is not a field here; did you mean "rate"?',
    ],
    [
      '/sample',
      { logits: [1], temperature: { ...schedule, steps: 1 } },
      '/temperature/steps "steps" is not a field here: the schedules linear and cosine have it, exponential has rate',
    ],
    [
      '/sample',
      { logits: [1], temperature: { ...schedule, intial: 1 } },
      '/temperature/intial "intial" is not a field here; did you mean "initial"?',
    ],
    [
      infer,
      { inputs: [{ ...logits, dtype: 'FP32' }] },
      '/inputs/0/dtype "dtype" is not a field here; did you mean "datatype"?',
    ],
    [
      infer,
      { inputs: [logits], outputs: [{ name: 'samples', shape: [1] }] },
      '/outputs/0/shape "shape" is not a field here; the fields are name, parameters',
    ],
    [
      infer,
      { inputs: [logits], parameters: { tau: 1 } },
      '/parameters/tau "tau" is not a field here; did you mean "temperature"?',
    ],
    [
      infer,
      { inputs: [logits], parameters: { sequence_id: 7 } },
      '/parameters/sequence_id "sequence_id" is not a field here: a draw has no state, so there are no sequences',
    ],
    [
      infer,
      { inputs: [logits], outputs: [{ name: 'samples', parameters: { classification: 3 } }] },
      /^\/outputs\/0\/parameters\/classification .*top_k$/,
    ],
    [
      infer,
      { inputs: [{ ...logits, parameters: { shared_memory_region: 'r' } }] },
      /^\/inputs\/0\/parameters\/shared_memory_region .*no shared memory/,
    ],
  ] as const) {
    const told = await tell(url, body);
    t.equal(told.status, 422);
    t.match(told.first, first);
  }
});

t.test('names are cut and escaped, and pointers too', async (t) => {
  t.match(await tell('/sample', { logits: [1], 'a/b~c': 1 }), {
    pointers: ['/a~1b~0c'],
    first: /"a\/b~c" is not a field/,
  });
  const told = await tell('/sample', { logits: [1], 'x\u001b[31m\u202e"\n': 1 });
  t.match(told.first, '"x\\u001b[31m\\u202e\\"\\u000a" is not a field here');
  const terminal = await tell(infer, { inputs: [logits], 'x\u001b[31m': 1 });
  t.notMatch(terminal.detail, '\u001b', 'in the text that clients of the protocol show, too');
  const long = await tell('/sample', { logits: [1], ['tau'.repeat(10_000)]: 1 });
  t.ok(long.first.length < 300);
  const many = await service.sample({
    logits: [1],
    ...Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`${at}\u0001`.repeat(40), 1])),
  });
  t.equal(many.reply.errors.length, 10);
  t.ok(Buffer.byteLength(many.text) < 4096);
});

/** 1 in nested arrays. */
function deep(axes: number): unknown {
  return axes === 0 ? 1 : [deep(axes - 1)];
}

t.test('too many axes are counted, and it is said what to do', async (t) => {
  for (const [url, body, first] of [
    [
      '/sample',
      { logits: deep(9) },
      /^(\/logits(\/0){8}) logits has 9 axes, but at most 8: \[categories\], or up to seven.*num_samples/,
    ],
    ['/sample', { logits: deep(12) }, /logits has 12 axes, but at most 8/],
    ['/sample', { logits: deep(20) }, /logits has more than 16 axes, but at most 8/],
    [
      '/sample',
      { logits: [1], temperature: deep(8) },
      /temperature has 8 axes, but at most 7: flat, or those of logits/,
    ],
    ['/sample', { logits: [1], seed: deep(8) }, /seed has 8 axes, but at most 7: flat, or those of logits/],
    [
      '/sample',
      { logits: [1], hard: [[[[[[[[true]]]]]]]] },
      /hard has 8 axes, but at most 7: flat, or those of logits/,
    ],
    [
      '/sample/vjp',
      { logits: [1], seed: 1, cotangent: deep(10) },
      /cotangent has 10 axes, but at most 9: those of logits/,
    ],
    ['/log-prob', { logits: [1], samples: deep(10) }, /samples has 10 axes, but at most 9/],
    [
      infer,
      { inputs: [{ ...logits, shape: [1, 1, 1, 1, 1, 1, 1, 1, 3] }] },
      /^\/inputs\/0\/shape of logits has 9 axes, but at most 8 are allowed: flatten further axes.*num_samples/,
    ],
    [infer, { inputs: [{ ...logits, data: deep(10) }] }, /^\/inputs\/0\/data(\/0){9} data has 10 axes, but at most 9/],
  ] as const) {
    const told = await tell(url, body);
    t.match(told, { status: 422, code: 'validation' });
    t.match(told.first, first);
  }
});

t.test('seed -1 hears that a random one comes by itself, but not where a draw is replayed', async (t) => {
  for (const [url, body] of [
    ['/sample', { logits: [1], seed: -1 }],
    ['/sample', { logits: [1], seed: 'random' }],
    ['/sample', { logits: [[1], [1]], seed: [1, -1] }],
    [infer, { inputs: [logits], parameters: { seed: -1 } }],
    [infer, { inputs: [logits, { name: 'seed', shape: [1], datatype: 'INT64', data: [-1] }] }],
  ] as const) {
    const told = await tell(url, body);
    t.match(told, { status: 422, code: 'invalid-seed' });
    t.match(told.first, /leave seed out for a random one/);
  }
  const replayed = await tell('/sample/vjp', { logits: [1], seed: -1, cotangent: [1] });
  t.match(replayed, { code: 'invalid-seed' });
  t.notMatch(replayed.first, 'leave seed out');
});

t.test('null counts as absent in some fields, with the same draw', async (t) => {
  const draw = { logits: [[1, 0.5, -1]], seed: 7 };
  const { text } = await service.sample(draw);
  const nulls = { num_samples: null, noise: null, top_k: null, return: null };
  t.equal((await service.sample({ ...draw, ...nulls })).text, text);
  for (const [name, value] of Object.entries(nulls)) {
    t.equal((await service.sample({ ...draw, [name]: value })).text, text, name);
  }
  t.equal((await service.sample({ logits: [1], seed: null })).status, 200);
  const large = await service.sample(
    `{"logits": [${'0,'.repeat(50_000)}0], "seed": null, "top_k": null, "return": ["indices"]}`,
  );
  t.equal(large.status, 200, 'in a body that is parsed in turns');
  t.match(await tell('/sample/vjp', { logits: [1], seed: null, cotangent: [1] }), { first: /^\/seed is required/ });
  const inference = { inputs: [logits], parameters: { seed: 7 } };
  const drawn = await service.post(infer, inference);
  const hints = { content_type: null, headers: null };
  const verbose = {
    id: null,
    inputs: [{ ...logits, parameters: hints }],
    outputs: null,
    parameters: { seed: 7, num_samples: null, noise: null, top_k: null, priority: null, ...hints },
  };
  t.equal((await service.post(infer, verbose)).text, drawn.text, "as MLServer's client writes it");
  const bare = {
    id: null,
    parameters: null,
    inputs: [{ ...logits, parameters: null }],
    outputs: [{ name: 'indices', parameters: null }],
  };
  t.equal((await service.post(infer, bare)).status, 200);
});

t.test('null stays refused where it may be a NaN', async (t) => {
  const schedule = { schedule: 'linear', initial: 1, minimum: 0.5, steps: 3, step: 1 };
  for (const [url, body, pointer] of [
    ['/sample', { logits: [1], temperature: null }, '/temperature'],
    ['/sample', { logits: [[1], [1]], temperature: [1, null] }, '/temperature/1'],
    ['/sample', { logits: [1], temperature: { ...schedule, initial: null } }, '/temperature/initial'],
    ['/sample', { logits: [1], temperature: { ...schedule, minimum: null } }, '/temperature/minimum'],
    [
      '/sample',
      { logits: [1], temperature: { ...schedule, schedule: 'exponential', steps: undefined, rate: null } },
      '/temperature/rate',
    ],
    ['/sample', { logits: [1], row_offset: null }, '/row_offset'],
    [infer, { inputs: [logits], parameters: { temperature: null } }, '/parameters/temperature'],
  ] as const) {
    const told = await tell(url, body);
    t.match(told, { status: 422, pointers: [pointer] });
    t.match(told.first, /not null, which is what JSON.stringify makes of NaN and Infinity/);
  }
});

t.test('a body with tensors and no header that says so hears which header is missing', async (t) => {
  const { payload } = encode({
    inputs: [{ name: 'logits', datatype: 'FP32', shape: [1, 3], values: [1, 0.5, -1], binary: true }],
  });
  const large = Buffer.concat([payload, Buffer.alloc(200_000, 1)]);
  for (const type of ['application/octet-stream', undefined, 'application/json']) {
    for (const body of [payload, large]) {
      const response = await service.app.inject({
        method: 'POST',
        url: infer,
        payload: body,
        headers: type ? { 'content-type': type } : {},
      });
      t.equal(response.statusCode, 400);
      t.match(response.json().error, /at byte \d+, .*number of bytes in the header Inference-Header-Content-Length/);
    }
  }
  const whole = await service.app.inject({
    method: 'POST',
    url: infer,
    payload: Buffer.alloc(2 ** 23),
    headers: { 'content-type': 'application/octet-stream' },
  });
  t.equal(whole.statusCode, 413);
  t.match(whole.json().error, /Inference-Header-Content-Length/);
  const short = { 'inference-header-content-length': '20' };
  const wrong = await service.app.inject({ method: 'POST', url: infer, payload, headers: short });
  t.match(wrong.json().error, /cut off there. Inference-Header-Content-Length says that the JSON has 20 bytes/);
  const plain = await tell(infer, '{"inputs": [}');
  t.notMatch(plain.detail, 'Inference-Header', 'JSON that is broken has another mistake');
});

t.test('hints of known clients are ignored: the draw is the same, and what is no hint is still refused', async (t) => {
  const inference = { inputs: [logits], parameters: { seed: 7 }, outputs: [{ name: 'samples' }] };
  const { text } = await service.post(infer, inference);
  for (const hint of [{ content_type: 'np' }, { content_type: 'pd' }, { headers: { host: 'x' } }]) {
    const tensors = { inputs: [{ ...logits, parameters: hint }], outputs: [{ name: 'samples', parameters: hint }] };
    t.equal((await service.post(infer, { ...inference, ...tensors })).text, text);
    t.equal((await service.post(infer, { ...inference, parameters: { seed: 7, ...hint } })).text, text);
  }
  t.equal((await service.post(infer, { ...inference, parameters: { seed: 7, priority: 1 } })).text, text);
  t.match(await tell(infer, { ...inference, parameters: { content_type: 1 } }), { status: 422 });
  t.match(await tell(infer, { ...inference, parameters: { compression: 'x' } }), {
    status: 422,
    pointers: ['/parameters/compression'],
  });
});

t.test('a tensor or parameter of the other model names that model', async (t) => {
  const vjp = '/v2/models/gumbel_softmax_vjp/infer';
  const cotangent = { ...logits, name: 'cotangent' };
  for (const [url, body, pointer, text] of [
    [
      infer,
      { inputs: [logits, cotangent] },
      '/inputs/1/name',
      /^is an input of the model gumbel_softmax_vjp; those of gumbel_softmax are logits/,
    ],
    [
      infer,
      { inputs: [logits], outputs: [{ name: 'grad_logits' }] },
      '/outputs/0/name',
      /^is an output of the model gumbel_softmax_vjp/,
    ],
    [
      infer,
      { inputs: [logits], parameters: { estimator: 'reinmax' } },
      '/parameters/estimator',
      /^is a parameter of gumbel_softmax_vjp, not of gumbel_softmax$/,
    ],
    [
      vjp,
      { inputs: [logits, cotangent], parameters: { seed: 1 }, outputs: [{ name: 'samples' }] },
      '/outputs/0/name',
      /^is an output of the model gumbel_softmax; /,
    ],
    [
      vjp,
      { inputs: [logits, cotangent], parameters: { seed: 1, top_k: 1 } },
      '/parameters/top_k',
      /^is a parameter of gumbel_softmax, not of gumbel_softmax_vjp$/,
    ],
    [
      infer,
      { inputs: [{ ...logits, name: 'x' }] },
      '/inputs/0/name',
      /^must be one of logits, temperature, hard, seed, given_indices$/,
    ],
  ] as const) {
    const told = await tell(url, body);
    t.equal(told.status, 422);
    t.equal(told.pointers[0], pointer);
    t.match(told.first.slice(pointer.length + 1), text);
  }
});

t.test('below /v2/models a path is unknown, or the model in it', async (t) => {
  for (const [path, code] of [
    ['/v2/models/stats', 'not-found'],
    ['/v2/models/', 'not-found'],
    ['/v2/models', 'not-found'],
    ['/v2/models/gumbel_softmax/stats', 'not-found'],
    ['/v2/models/gumbel_softmax/config', 'not-found'],
    ['/v2/models/nosuch/stats', 'not-found'],
    ['/v2/repository/index', 'not-found'],
    ['/v2/systemsharedmemory/status', 'not-found'],
    ['/v2/models/nosuch', 'unknown-model'],
    ['/v2/models/nosuch/ready', 'unknown-model'],
    ['/v2/models/gumbel_softmax/versions/2', 'unknown-model'],
    ['/v2/models/constructor', 'unknown-model'],
  ] as const) {
    const response = await service.app.inject(path);
    t.equal(response.statusCode, 404, path);
    t.equal(response.json().code, code, path);
  }
  const body = { inputs: 'anything' };
  t.match(await tell('/v2/models/nosuch/infer', body), { status: 404, code: 'unknown-model' });
});

t.test('masks: "refuse" finds a NaN that JSON.stringify made null, and says so', async (t) => {
  const masked = JSON.parse(
    JSON.stringify({
      logits: [
        [1, Number.NaN],
        [Number.NEGATIVE_INFINITY, 2],
      ],
      seed: 1,
    }),
  );
  const explained = /is null, and masks is "refuse"; JSON.stringify writes NaN and Infinity as null/;
  for (const [url, more] of [
    ['/sample', {}],
    [
      '/sample/vjp',
      {
        cotangent: [
          [1, 0],
          [0, 1],
        ],
      },
    ],
    [
      '/log-prob',
      {
        seed: undefined,
        samples: [
          [1, 0],
          [0, 1],
        ],
      },
    ],
  ] as const) {
    const body = { ...masked, ...more };
    t.equal((await tell(url, body)).status, 200, 'without it a null masks');
    t.equal((await tell(url, { ...body, masks: 'allow' })).status, 200);
    const told = await tell(url, { ...body, masks: 'refuse' });
    t.match(told, { status: 422, code: 'non-finite-logits', pointers: ['/logits/0/1', '/logits/1/0'] });
    t.match(told.first, explained);
    t.match(await tell(url, { ...body, masks: 'never' }), {
      status: 422,
      first: /^\/masks must be "allow" or "refuse"/,
    });
  }
  t.match(await tell('/sample', { logits: [1, null], masks: 'refuse' }), { pointers: ['/logits/1'] });
  const finite = { logits: [[1, 2]], seed: 1 };
  const { text } = await service.sample(finite);
  t.equal((await service.sample({ ...finite, masks: 'refuse' })).text, text, 'and changes nothing else');
  const row = Array.from({ length: 300_000 }, (_, at) => (at === 299_999 ? null : 0));
  const large = { logits: row, seed: 1, return: ['indices'] };
  t.match(await tell('/sample', { ...large, masks: 'refuse' }), {
    code: 'non-finite-logits',
    pointers: ['/logits/299999'],
  });
});

t.test('masks: "refuse" as a parameter of an inference, in JSON and in bytes', async (t) => {
  const values = [1, -Infinity, 2];
  for (const binary of [false, true]) {
    const tensor = { name: 'logits', datatype: 'FP32', shape: [1, 3], values, binary } as const;
    for (const [masks, status] of [
      ['allow', 200],
      ['refuse', 422],
    ] as const) {
      const { payload, headers } = encode({ inputs: [tensor], parameters: { seed: 1, masks } });
      const response = await service.app.inject({ method: 'POST', url: infer, payload, headers });
      t.equal(response.statusCode, status);
      if (status === 200) continue;
      t.match(response.json(), { code: 'non-finite-logits', errors: [{ pointer: '/inputs/0' }] });
      t.match(
        response.json().errors[0].message,
        binary ? /at row 0, column 1: is -infinity while/ : /at row 0, column 1: is null, which JSON.stringify/,
      );
    }
  }
});

t.test('every problem says its code beside its type', async (t) => {
  for (const [method, url, payload] of [
    ['GET', '/nowhere', undefined],
    ['GET', '/sample', undefined],
    ['POST', '/sample', '{'],
    ['POST', '/sample', '{}'],
    ['GET', '/%zz', undefined],
  ] as const) {
    const headers = { 'content-type': 'application/json' };
    const problem = (
      await service.app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) })
    ).json();
    t.equal(problem.type, `/problems/${problem.code}`);
  }
});
