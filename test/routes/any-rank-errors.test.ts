/** Wrong arrays of any rank: the code, the place with all its indices, and what is said. */
import t from 'tap';
import { flat, nest } from '../support/nested.js';
import { startService } from '../support/service.js';

const service = await startService({ ROWS_MAX: '100' });
t.teardown(service.close);

const cube = [
  [
    [1, 2],
    [3, 4],
    [5, 6],
  ],
  [
    [7, 8],
    [9, 0],
    [1, 2],
  ],
];

/** The cube with another value at a path. */
function put(path: readonly number[], value: unknown): unknown {
  const copy = structuredClone(cube) as unknown[];
  let level = copy;
  for (const index of path.slice(0, -1)) level = level[index] as unknown[];
  level[path.at(-1) as number] = value;
  return copy;
}

const deep = (value: unknown, axes: number) => nest([value], Array(axes).fill(1));

/** [what is wrong, fields of POST /sample, code, pointer, what the message says] */
const wrong: readonly (readonly [string, object, string, string, RegExp])[] = [
  ['nine axes', { logits: deep(1, 9) }, 'validation', '/logits/0/0/0/0/0/0/0/0', /has 9 axes, but at most 8: \[cat/],
  ['a short row', { logits: put([1, 2], [1]) }, 'ragged-rows', '/logits/1/2', /another length than the first row/],
  ['a short array', { logits: put([1], [[1, 2]]) }, 'ragged-rows', '/logits/1', /another number of entries/],
  ['an empty array', { logits: put([1], []) }, 'ragged-rows', '/logits/1', /another number of entries/],
  ['an empty row', { logits: put([0, 1], []) }, 'ragged-rows', '/logits/0/1', /another length/],
  ['arrays without rows', { logits: [[], []] }, 'empty-input', '/logits', /at least one row/],
  ['rows without categories', { logits: [[[[], []]]] }, 'empty-input', '/logits', /at least one category/],
  ['text', { logits: put([1, 0, 1], 'x') }, 'validation', '/logits/1/0/1', /must be a number or null/],
  ['text at eight axes', { logits: deep('x', 8) }, 'validation', '/logits/0/0/0/0/0/0/0/0', /must be a number or null/],
  ['a row among numbers', { logits: put([0, 1, 1], [1]) }, 'validation', '/logits/0/1/1', /must be a number or null/],
  ['a number among rows', { logits: put([1, 1], 3) }, 'validation', '/logits/1/1', /must be an array of numbers/],
  [
    'a number among arrays',
    { logits: put([1], 3) },
    'validation',
    '/logits/1',
    /must be an array of arrays, as the first entry is/,
  ],
  ['an infinite logit', { logits: put([1, 2, 0], 1e39) }, 'non-finite-logits', '/logits/1/2/0', /infinite in float32/],
  ['a masked row', { logits: put([1, 0], [null, null]) }, 'all-masked-row', '/logits/1/0', /only masked categories/],
  [
    'a mask where masks are refused',
    { logits: put([0, 2, 1], null), masks: 'refuse' },
    'non-finite-logits',
    '/logits/0/2/1',
    /is null, and masks is "refuse"/,
  ],
  ['too many rows', { logits: nest(Array(101).fill(1), [1, 101, 1]) }, 'too-many-elements', '/logits', /100 rows/],
  [
    'temperatures in another shape',
    { logits: cube, temperature: nest(Array(6).fill(1), [3, 2]) },
    'validation',
    '/temperature',
    /must have one entry per row of logits: shaped \[2, 3\], or flat \[6\]/,
  ],
  ['too few temperatures', { logits: cube, temperature: [1, 1] }, 'validation', '/temperature', /flat \[6\]/],
  [
    'a temperature out of range',
    { logits: cube, temperature: nest([1, 1, 1, 1, 0, 1], [2, 3]) },
    'temperature-out-of-range',
    '/temperature/1/1',
    /1e-6 to 1e6/,
  ],
  [
    'a temperature of null',
    { logits: cube, temperature: nest([1, 1, null, 1, 1, 1], [2, 3]) },
    'validation',
    '/temperature/0/2',
    /not null/,
  ],
  [
    'a temperature as text',
    { logits: cube, temperature: nest([1, 1, 1, 1, 1, '1'], [2, 3]) },
    'validation',
    '/temperature/1/2',
    /must be a number/,
  ],
  [
    'ragged temperatures',
    {
      logits: cube,
      temperature: [
        [1, 1, 1],
        [1, 1],
      ],
    },
    'validation',
    '/temperature/1',
    /another shape/,
  ],
  ['temperatures of two depths', { logits: cube, temperature: [[1], 1] }, 'validation', '/temperature/1', /shape/],
  [
    'too deep temperatures',
    { logits: cube, temperature: deep(1, 8) },
    'validation',
    '/temperature/0/0/0/0/0/0/0',
    /8 axes/,
  ],
  [
    'seeds in another shape',
    { logits: cube, seed: nest([1, 2, 3, 4, 5, 6], [3, 2]) },
    'validation',
    '/seed',
    /shaped \[2, 3\]/,
  ],
  ['one seed in two axes', { logits: cube, seed: [[1]] }, 'validation', '/seed', /one entry per row/],
  [
    'a wrong seed',
    { logits: cube, seed: nest([1, 2, 3, '04', 5, 6], [2, 3]) },
    'invalid-seed',
    '/seed/1/0',
    /leading zeros/,
  ],
  [
    'a seed of true',
    { logits: cube, seed: nest([1, 2, true, 4, 5, 6], [2, 3]) },
    'validation',
    '/seed/0/2',
    /an integer/,
  ],
  ['ragged seeds', { logits: cube, seed: [[1, 2, 3], [4]] }, 'validation', '/seed/1', /another shape/],
  ['seeds of two depths', { logits: cube, seed: [[1], 2] }, 'validation', '/seed/1', /another shape/],
  ['too few flags', { logits: cube, hard: [true] }, 'validation', '/hard', /flat \[6\]/],
  ['no flags', { logits: cube, hard: [] }, 'validation', '/hard', /one entry per row/],
  ['too many flags', { logits: cube, hard: Array(101).fill(true) }, 'validation', '/hard', /at most 100/],
  [
    'flags in another shape',
    { logits: cube, hard: nest(Array(6).fill(true), [3, 2]) },
    'validation',
    '/hard',
    /shaped/,
  ],
  [
    'a flag that is a number',
    { logits: cube, hard: nest([true, 1, true, true, true, true], [2, 3]) },
    'validation',
    '/hard/0/1',
    /true or false/,
  ],
  ['ragged flags', { logits: cube, hard: [[true], []] }, 'validation', '/hard/1', /another shape/],
  ['flags of two depths', { logits: cube, hard: [[true], false] }, 'validation', '/hard/1', /another shape/],
  ['hard null', { logits: cube, hard: null }, 'validation', '/hard', /must be true or false, not null/],
  [
    'a top_k above the unmasked categories',
    { logits: put([1, 1, 0], null), top_k: 2 },
    'validation',
    '/top_k',
    /1 in row 4/,
  ],
];

for (const [what, body, code, pointer, message] of wrong) {
  t.test(what, async (t) => {
    const { reply } = await service.sample(body);
    t.match(reply, { code, errors: [{ pointer, message }] });
    t.ok(reply.status >= 400 && reply.status < 500);
  });
}

t.test('a cotangent has the shape of the samples, up to nine axes', async (t) => {
  const ask = async (cotangent: unknown, fields: object = {}) =>
    (await service.post('/sample/vjp', { logits: cube, seed: 1, cotangent, ...fields })).reply;
  t.match(await ask(flat(cube)), { code: 'validation', errors: [{ pointer: '/cotangent', message: /\[2, 3, 2\]/ }] });
  t.match(await ask(cube, { num_samples: 1 }), { errors: [{ pointer: '/cotangent', message: /\[1, 2, 3, 2\]/ }] });
  t.match(await ask(put([1, 2, 1], null)), { errors: [{ pointer: '/cotangent/1/2/1', message: /send 0/ }] });
  t.match(await ask(put([1, 2, 1], 1e39)), { errors: [{ pointer: '/cotangent/1/2/1', message: /infinite/ }] });
  t.match(await ask(deep(1, 10)), { errors: [{ pointer: '/cotangent/0/0/0/0/0/0/0/0/0', message: /10 axes/ }] });
  const legal = { logits: deep(1, 8), num_samples: 1, seed: 1, cotangent: deep(1, 9) };
  t.match(await service.post('/sample/vjp', legal), { status: 200, reply: { grad_logits: deep(0, 8) } });
});

t.test('reinmax needs all rows hard', async (t) => {
  const ask = async (hard: unknown) =>
    (await service.post('/sample/vjp', { logits: cube, seed: 1, cotangent: cube, estimator: 'reinmax', hard })).reply;
  t.match(await ask(nest([true, true, true, false, true, true], [2, 3])), { errors: [{ pointer: '/estimator' }] });
  t.match(await ask(nest(Array(6).fill(true), [2, 3])), {
    estimator: 'reinmax',
    hard: nest(Array(6).fill(true), [2, 3]),
  });
});

t.test('a gradient that overflows is named with all its indices', async (t) => {
  const fields = { logits: cube, seed: 1, temperature: nest(Array(6).fill(1e-3), [2, 3]) };
  const { reply } = await service.post('/sample/vjp', {
    ...fields,
    temperature: nest([1, 1, 1, 1, 1e-6, 1], [2, 3]),
    noise: 'none',
    logits: put([1, 1], [0, 1e-9]),
    cotangent: nest(
      flat(cube).map((_, index) => (index === 8 ? 3e38 : 0)),
      [2, 3, 2],
    ),
  });
  t.match(reply, { code: 'gradient-overflow', errors: [{ pointer: '/logits/1/1' }] });
});

const logits = { name: 'logits', datatype: 'FP32', shape: [2, 3, 2], data: flat(cube) };

t.test('tensors say the shape that they must have, and number their rows row-major', async (t) => {
  const ask = async (inputs: readonly object[], model = 'gumbel_softmax', parameters = {}) =>
    (await service.post(`/v2/models/${model}/infer`, { inputs, parameters })).reply;
  const list = { name: 'temperature', datatype: 'FP32', shape: [3, 2], data: Array(6).fill(1) };
  t.match(await ask([logits, list]), {
    errors: [
      { pointer: '/inputs/1/shape', message: 'must be [1], or [6], or [2, 3], for one entry per row of logits' },
    ],
  });
  t.match(await ask([logits, { ...list, shape: [2, 3], data: [1, 1, 1, 1, 0, 1] }]), {
    code: 'temperature-out-of-range',
    errors: [{ pointer: '/inputs/1', message: /^at row 4: / }],
  });
  t.match(await ask([{ ...logits, data: [...Array(9).fill(1), 1e39, 1, 1] }]), {
    code: 'non-finite-logits',
    errors: [{ pointer: '/inputs/0', message: /^at row 4, column 1: / }],
  });
  t.match(await ask([{ ...logits, data: nest(flat(cube), [3, 2, 2]) }]), { code: 'shape-size-mismatch' });
  t.match(await ask([{ ...logits, data: cube, shape: [2, 0, 2] }]), { code: 'shape-size-mismatch' });
  t.match(await ask([{ ...logits, data: [], shape: [2, 0, 2] }]), { code: 'empty-input' });
  t.match(await ask([{ ...logits, shape: [1, 101, 1], data: Array(101).fill(0) }]), { code: 'too-many-elements' });
  const flags = { name: 'hard', datatype: 'BOOL', shape: [2, 3], data: nest(Array(6).fill(true), [3, 2]) };
  t.match(await ask([logits, flags]), {
    errors: [{ pointer: '/inputs/1/data', message: 'must be 6 of true or false' }],
  });
  const seeds = { name: 'seed', datatype: 'INT64', shape: [2, 3], data: nest([1, 2, 3, 4, -5, 6], [2, 3]) };
  t.match(await ask([logits, seeds]), {
    code: 'invalid-seed',
    errors: [{ pointer: '/inputs/1', message: /^at row 4: / }],
  });
  t.match(await ask([logits, { ...logits, name: 'cotangent', shape: [6, 2] }], 'gumbel_softmax_vjp', { seed: 1 }), {
    errors: [{ pointer: '/inputs/1/shape', message: 'must be that of the samples, [2, 3, 2]' }],
  });
});
