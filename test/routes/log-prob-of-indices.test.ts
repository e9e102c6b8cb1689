/**
 * The probability of what was drawn, over HTTP: index_log_prob and the outputs of top_k, and POST /log-prob of indices,
 * of orders and of points with an axis of samples in front. The values have their own test beside mpmath
 * (test/sampler/row-kernel/log-prob.test.ts); here it is the same bits by every way.
 */
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

/** The field of a reply as nested arrays of any depth. */
// biome-ignore lint/suspicious/noExplicitAny: replies have numbers at depths that differ from test to test.
type Nested = any;

async function drawn(fields: object): Promise<Readonly<Record<string, Nested>>> {
  const { status, reply, text } = await service.sample({ logits, seed: 11, ...fields });
  if (status !== 200) throw new Error(text);
  return reply as never;
}

async function scored(fields: object): Promise<Nested> {
  const { status, reply, text } = await logProb({ logits, ...fields });
  if (status !== 200) throw new Error(text);
  return reply.log_prob;
}

t.test('index_log_prob is what POST /log-prob gives for indices, bit for bit, with samples in front too', async (t) => {
  for (const fields of [
    {},
    { num_samples: 7 },
    { noise: 'none' },
    { hard: true, temperature: 0.01 },
    { logits: logits[0] },
  ]) {
    const { indices, index_log_prob, ...rest } = await drawn({ ...fields, return: ['index_log_prob', 'indices'] });
    t.same(rest.samples, undefined, 'only what is asked for');
    const own = await scored({ ...('logits' in fields && fields), indices });
    t.same(own, index_log_prob, JSON.stringify(fields));
  }
});

t.test('with noise "none" it is the largest log-softmax', async (t) => {
  const { index_log_prob } = await drawn({ logits: [2, 0, 0], noise: 'none', return: ['index_log_prob'] });
  t.ok(Math.abs(index_log_prob - (2 - Math.log(Math.exp(2) + 2))) < 1e-15);
});

t.test('top_log_prob is what POST /log-prob gives for top_indices, bit for bit', async (t) => {
  for (const top_k of [1, 2, 3]) {
    for (const fields of [{}, { num_samples: 5 }, { logits: logits[1] }]) {
      const { top_indices, top_log_prob } = await drawn({ ...fields, top_k, return: ['top_log_prob'] });
      t.same(await scored({ ...('logits' in fields && fields), top_indices }), top_log_prob);
    }
  }
});

t.test('top_scores and top_threshold are the first places of one larger draw', async (t) => {
  const names = ['top_scores', 'top_threshold', 'noise'];
  const three = await drawn({ num_samples: 4, top_k: 3, return: names });
  const two = await drawn({ num_samples: 4, top_k: 2, return: names });
  const whole = await scored({ indices: [0, 0, 0] });
  for (let sample = 0; sample < 4; sample++) {
    for (const row of logits.keys()) {
      t.same(two.top_scores[sample][row], three.top_scores[sample][row].slice(0, 2));
      t.equal(two.top_threshold[sample][row], three.top_scores[sample][row][2]);
      const place = three.top_indices[sample][row].indexOf(0);
      if (place < 0) continue;
      // g is printed as the shortest decimal of a float32.
      const g = Math.fround(three.noise[sample][row][0]);
      t.equal(three.top_scores[sample][row][place], whole[row] + g, 'log softmax + noise in float64');
    }
    t.equal(three.top_threshold[sample][1], null, 'no fourth category in a row with a mask');
    t.not(three.top_threshold[sample][0], null);
  }
});

t.test('top_indices are the same whatever else is asked for', async (t) => {
  for (const top_k of [1, 2, 3]) {
    const plain = await drawn({ num_samples: 20, top_k, return: ['indices'] });
    const all = await drawn({ num_samples: 20, top_k, return: ['top_threshold', 'top_scores', 'top_log_prob'] });
    t.same(all.top_indices, plain.top_indices);
  }
});

t.test('a row alone, in a batch and by its offset has the same digits', async (t) => {
  const names = ['index_log_prob', 'top_scores', 'top_threshold', 'top_log_prob'];
  const fields = { top_k: 2, num_samples: 3, return: names };
  const whole = await drawn(fields);
  for (const [row, own] of logits.entries()) {
    const alone = await drawn({ ...fields, logits: own, row_offset: row });
    for (const name of names)
      t.same(
        alone[name],
        whole[name].map((sample: Nested) => sample[row]),
        `${name}, row ${row}`,
      );
  }
  const later = await drawn({ ...fields, num_samples: 1, sample_offset: 2 });
  for (const name of names) t.same(later[name][0], whole[name][2], `${name}, sample 2`);
});

t.test('a draw on the HTTP thread and one on a worker have the same digits', async (t) => {
  // 16384 units are the worker's; a row alone is drawn where it is.
  const row = Array.from({ length: 500 }, (_, k) => Math.fround(3 * Math.sin(k * k)));
  const fields = { seed: 4, top_k: 3, return: ['index_log_prob', 'top_scores', 'top_threshold', 'top_log_prob'] };
  const many = (await service.sample({ ...fields, logits: Array(200).fill(row) })).reply as never as Record<
    string,
    Nested
  >;
  for (const at of [0, 77, 199]) {
    const alone = (await service.sample({ ...fields, logits: row, row_offset: at })).reply as never as Record<
      string,
      Nested
    >;
    for (const name of [...fields.return, 'top_indices']) t.same(alone[name], many[name][at], `${name}, row ${at}`);
  }
});

t.test('a masked index has probability 0: null', async (t) => {
  t.same(await scored({ indices: [0, 1, 3] }), [await scored({ logits: logits[0], indices: 0 }), null, null]);
  t.equal(await scored({ logits: [0, null], indices: 1 }), null);
  t.equal(await scored({ logits: [0, null], indices: 0 }), 0, 'a single category is certain');
});

t.test('whole numbers may be spelled with a point or an exponent', async (t) => {
  const { reply } = await logProb('{"logits":[1,0.5,-1],"top_indices":[2.0,0e5]}');
  t.equal(reply.log_prob, await scored({ logits: [1, 0.5, -1], top_indices: [2, 0] }));
  t.equal(
    (await logProb('{"logits":[1,0.5,-1],"indices":2.0}')).reply.log_prob,
    await scored({ logits: [1, 0.5, -1], indices: 2 }),
  );
});

t.test('points with samples in front are scored as one by one', async (t) => {
  const draw = { logits, temperature: [0.3, 1, 4], seed: 5 };
  const draws = await drawn({ ...draw, num_samples: 4, return: ['samples', 'log_samples', 'log_prob'] });
  t.same(await scored({ ...draw, seed: undefined, log_samples: draws.log_samples }), draws.log_prob);
  const soft = { logits: logits[0], temperature: 2 };
  const { samples } = await drawn({ ...soft, num_samples: 4, return: ['samples'] });
  const one = await Promise.all(samples.map((sample: Nested) => scored({ ...soft, samples: sample })));
  t.same(await scored({ ...soft, samples }), one, '[S][K]');
});

t.test('the reply to indices has no temperature, that to samples has the one in use', async (t) => {
  t.same(Object.keys((await logProb({ logits: [0, 1], indices: 0 })).reply), ['log_prob']);
  t.same(Object.keys((await logProb({ logits: [0, 1], samples: [0.5, 0.5] })).reply), ['log_prob', 'temperature']);
  t.equal((await logProb({ logits: [0, 1], samples: [0.5, 0.5] })).reply.temperature, 1);
});

t.test('many indices and orders are checked and scored in turns', async (t) => {
  const S = 3000;
  const row = Array.from({ length: 50 }, (_, k) => k / 7);
  const indices = Array.from({ length: S }, (_, s) => s % 50);
  const values = await scored({ logits: row, indices });
  t.same(values.slice(50, 100), values.slice(0, 50));
  const orders = Array.from({ length: S }, (_, s) => Array.from({ length: 50 }, (_, j) => (j * 7 + s) % 50));
  const probabilities = await scored({ logits: row, top_indices: orders });
  t.equal(probabilities.length, S);
  t.same(probabilities.slice(50, 100), probabilities.slice(0, 50));
  orders[2999][49] = orders[2999][0];
  const { status, reply } = await logProb({ logits: row, top_indices: orders });
  t.same([status, reply.errors[0].pointer], [422, '/top_indices/2999/49']);
  // Above 64 KiB the text of an array is checked in turns too.
  const text = `[${`1.0,${' '.repeat(20)}`.repeat(2999)}0.99999999999]`;
  const long = await logProb(`{"logits":[${row}],"indices":${text}}`);
  t.same([long.status, long.reply.errors[0].pointer], [422, '/indices/2999']);
});

t.test('returned numbers are counted: k for each draw of top_scores, one for the others', async (t) => {
  const fields = { logits: [0, 1, 2], num_samples: 300, top_k: 3 };
  const names = ['top_scores', 'top_threshold', 'top_log_prob', 'index_log_prob'];
  // 3 of top_indices, 3, 1, 1 and 1: nine for each of 300 draws, and 3000 are allowed.
  t.equal((await service.sample({ ...fields, return: names })).status, 200);
  t.equal((await service.sample({ ...fields, num_samples: 334, return: names })).status, 413);
});
