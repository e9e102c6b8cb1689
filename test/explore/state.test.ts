/** What the reader chose, its address, its requests and commands. */
import t from 'tap';
import { countingCurlOf, curlOf } from '../../explore/curl.js';
import { gradientRequest, stripRequest } from '../../explore/requests.js';
import {
  initialState,
  moveStrip,
  readAddress,
  readLogit,
  readSeed,
  readTemperature,
  withCategories,
  withSampleInStrip,
  writeAddress,
} from '../../explore/state.js';

t.test('an address gives back the state it was written from', async (t) => {
  const state = {
    logits: [-1.75, 0, 1e-7],
    temperature: 1e-6,
    seed: '18446744073709551615',
    hard: true,
    estimator: 'gumbel_rao' as const,
    draws: 100,
    first: 4_294_967_284,
    sample: 4_294_967_295,
  };
  t.same(readAddress(writeAddress(state)), { state, unread: [] });
  t.same(readAddress(''), { state: initialState, unread: [] });
});

t.test('what an address gets wrong is named, and the rest is taken', async (t) => {
  const search = '?logits=1&temperature=0&seed=2e3&hard=yes&estimator=rebar&draws=7&first=-1&sample=x';
  t.same(readAddress(search).unread, [
    'logits',
    'temperature',
    'seed',
    'hard',
    'estimator',
    'draws',
    'first',
    'sample',
  ]);
  t.same(readAddress('?logits=1,,2&seed=3'), { state: { ...initialState, seed: '3' }, unread: ['logits'] });
});

t.test('fields take what the service takes, and nothing else', async (t) => {
  t.same(['0', ' 7 ', '18446744073709551615'].map(readSeed), ['0', '7', '18446744073709551615']);
  t.same(['', '-1', '01', '1.5', '18446744073709551616'].map(readSeed), Array(5).fill(undefined));
  t.same(['1e-6', '1000000'].map(readTemperature), [1e-6, 1e6]);
  t.same(['', '0', '9e-7', '1000001', 'NaN'].map(readTemperature), Array(5).fill(undefined));
  t.same(['-100', '100', '', '101', 'x'].map(readLogit), [-100, 100, undefined, undefined, undefined]);
});

t.test('the strip moves by its length, stays within the counters, and holds the sample', async (t) => {
  t.match(moveStrip(initialState, 2), { first: 24, sample: 24 });
  t.match(moveStrip(initialState, -1), { first: 0 });
  t.match(moveStrip({ ...initialState, first: 2 ** 32 - 13 }, 1), { first: 2 ** 32 - 12 });
  t.match(withSampleInStrip({ ...initialState, first: 24, sample: 3 }), { sample: 24 });
  t.same(withCategories(initialState, 4).logits, [1, 0.5, -1, 0]);
  t.same(withCategories(initialState, 2).logits, [1, 0.5]);
});

t.test('gradients ask for the estimator, of one-hot samples unless it is straight_through', async (t) => {
  const bodyOf = (fields: object) => gradientRequest({ ...initialState, ...fields }, 0.1).body;
  t.match(bodyOf({}), { hard: false, temperature: 0.1 });
  t.notOk('estimator' in bodyOf({ hard: true }));
  t.match(bodyOf({ estimator: 'softmax' }), { hard: true, estimator: 'softmax' });
  t.match(bodyOf({ estimator: 'gumbel_rao' }), { hard: true, estimator: 'gumbel_rao', rao_samples: 10 });
  t.notOk('rao_samples' in bodyOf({ estimator: 'reinmax' }));
});

t.test('a command holds the request, with a large seed as a string', async (t) => {
  const request = stripRequest({ ...initialState, seed: '9007199254740992' });
  t.equal(
    curlOf(request, 'https://example.org/gumbel/explore?seed=1', false),
    "curl -s 'https://example.org/gumbel/sample' -H 'content-type: application/json' -d '" +
      '{"logits":[1,0.5,-1],"temperature":0.5,"hard":false,"seed":"9007199254740992","num_samples":12,"sample_offset":0,' +
      '"return":["samples","indices","noise"]}' +
      "'",
  );
  t.match(countingCurlOf(request, 'http://localhost/', false), / \| .*uniq -c$/);
  t.match(curlOf(request, 'http://localhost/', true), ' -H "authorization: Bearer $API_KEY" ');
});
