/** What POST /log-prob refuses of indices, orders and points with samples in front, and POST /sample without top_k. */
import t from 'tap';
import { startService } from '../support/service.js';

const service = await startService({ ELEMENTS_RETURNED_MAX: '3000' });
t.teardown(service.close);

const logProb = (body: unknown) => service.post('/log-prob', body);
const logits = [
  [1, 0.5, -1, 0],
  [0, null, 2, -3],
  [1e4, 0, 0.5, null],
];

for (const [title, body, code, pointer, message] of [
  ['no kind of points', {}, 'validation', '', /exactly one of samples, log_samples, indices, top_indices/],
  ['two kinds', { indices: [0, 0, 0], top_indices: [[0], [0], [0]] }, 'validation', '', /exactly one/],
  ['indices and samples', { indices: [0, 0, 0], samples: [] }, 'validation', '', /exactly one/],
  ['a temperature with indices', { indices: [0, 0, 0], temperature: 1 }, 'validation', '/temperature', /leave it out/],
  [
    'a temperature with top_indices',
    { top_indices: [[0], [0], [0]], temperature: 0.5 },
    'validation',
    '/temperature',
    /divide the logits/,
  ],
  ['an index that is K', { indices: [0, 4, 0] }, 'validation', '/indices/1', /integer from 0 to 3/],
  ['a negative index', { indices: [0, 0, -1] }, 'validation', '/indices/2', /integer from 0 to 3/],
  ['an index of 2^53', { indices: [0, 2 ** 53, 0] }, 'validation', '/indices/1', /integer/],
  ['a fraction', { indices: [0.5, 0, 0] }, 'validation', '/indices/0', /integer/],
  ['a fraction that float32 rounds to 1', { indices: [0, 0.9999999999, 0] }, 'validation', '/indices/1', /integer/],
  ['a fraction alone', { logits: [0, 1], indices: 0.9999999999 }, 'validation', '/indices', /integer/],
  ['a null', { indices: [0, null, 0] }, 'validation', '/indices/1', /integer/],
  ['an infinity of float32', { indices: [0, 1e39, 0] }, 'validation', '/indices/1', /integer/],
  ['text', { indices: ['0', 0, 0] }, 'validation', '/indices', /an integer for every element/],
  ['indices of two rows', { indices: [0, 1] }, 'validation', '/indices', /\[3\], or \[S, 3\]/],
  ['one index for rows', { indices: 0 }, 'validation', '/indices', /\[3\], or \[S, 3\]/],
  ['no indices', { indices: [] }, 'validation', '/indices', /\[3\]/],
  ['indices three deep', { indices: [[[0, 0, 0]]] }, 'validation', '/indices', /\[3\], or \[S, 3\]/],
  ['an array of arrays for one row', { logits: [0, 1], indices: [[0]] }, 'validation', '/indices', /\[S\]/],
  [
    'an index of the second sample',
    {
      indices: [
        [0, 0, 0],
        [0, 0, 9],
      ],
    },
    'validation',
    '/indices/1/2',
    /integer/,
  ],
  ['a repeated category', { logits: [0, 1, 2], top_indices: [1, 2, 1] }, 'validation', '/top_indices/2', /second time/],
  ['a masked category', { logits: [0, null, 2], top_indices: [0, 1] }, 'validation', '/top_indices/1', /masked/],
  ['one masked category', { logits: [0, null], top_indices: [1] }, 'validation', '/top_indices/0', /masked/],
  [
    'more than there are',
    { logits: [0, 1], top_indices: [0, 1, 0] },
    'validation',
    '/top_indices',
    /only 2 categories/,
  ],
  [
    'more than are unmasked',
    { logits: [0, null, 1], top_indices: [0, 2, 1] },
    'validation',
    '/top_indices/2',
    /masked/,
  ],
  ['top_indices of no width', { logits: [0, 1], top_indices: [[]] }, 'validation', '/top_indices', /\[k\]/],
  ['top_indices without rows', { top_indices: [0, 1] }, 'validation', '/top_indices', /\[3, k\]/],
  ['top_indices of another number of rows', { top_indices: [[0], [1]] }, 'validation', '/top_indices', /\[3, k\]/],
  ['ragged top_indices', { top_indices: [[0, 2], [0], [0, 1]] }, 'validation', '/top_indices', /\[3, k\]/],
  [
    'a repeat in the second sample',
    {
      logits: [0, 1, 2],
      top_indices: [
        [0, 1],
        [2, 2],
      ],
    },
    'validation',
    '/top_indices/1/1',
    /second/,
  ],
  [
    'samples of another number of rows',
    { samples: [[[0.5, 0.5]]] },
    'validation',
    '/samples',
    /\[3, 4\], or \[S, 3, 4\]/,
  ],
  [
    'a zero in the second sample',
    {
      logits: [0, 1],
      samples: [
        [0.5, 0.5],
        [1, 0],
      ],
    },
    'zero-sample',
    '/samples/1/1',
    /log_samples/,
  ],
  [
    'a sum in the second sample',
    {
      logits: [0, 1],
      samples: [
        [0.5, 0.5],
        [0.5, 0.4],
      ],
    },
    'not-on-simplex',
    '/samples/1',
    /sum/,
  ],
  [
    'a null in the second sample',
    {
      logits: [0, 1],
      log_samples: [
        [-0.5, -0.9327521],
        [0, null],
      ],
    },
    'validation',
    '/log_samples/1/1',
    /masked/,
  ],
  ['more numbers than are returned', { logits: [0, 1], indices: Array(3001).fill(0) }, 'too-many-elements', '', /3000/],
] as const) {
  t.test(`${title} gets ${code} at ${pointer || 'the body'}`, async (t) => {
    const { status, reply, text } = await logProb({ logits, ...body });
    t.equal(status, code === 'too-many-elements' ? 413 : 422);
    t.equal(reply.code, code);
    t.equal(reply.errors[0]?.pointer, pointer);
    t.match(reply.errors[0]?.message, message);
    t.ok(Buffer.byteLength(text) < 4096);
  });
}

t.test('up to ten wrong indices are listed', async (t) => {
  const { reply } = await logProb({ logits: [0, 1], indices: Array(100).fill(7) });
  t.same(
    reply.errors.map(({ pointer }) => pointer),
    Array.from({ length: 10 }, (_, at) => `/indices/${at}`),
  );
});

t.test('what describes top_k needs it', async (t) => {
  for (const [names, pointers] of [
    [['indices', 'top_scores'], ['/return/1']],
    [['top_threshold'], ['/return/0']],
    [
      ['top_log_prob', 'noise', 'top_scores'],
      ['/return/0', '/return/2'],
    ],
  ]) {
    const { status, reply } = await service.sample({ logits: [0, 1], return: names });
    t.equal(status, 422);
    t.same(
      reply.errors.map(({ pointer }) => pointer),
      pointers,
    );
    t.match(reply.errors[0].message, /needs top_k/);
  }
});
