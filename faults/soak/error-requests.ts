/** A request for each mistake that a client can make, and the problem that it must be told. */
import { drawBytes, postBytes } from '../requests.js';
import type { SoakRequest } from './requests.js';

type Headers = Readonly<Record<string, string>>;

export function errorRequests(headers: Headers): SoakRequest[] {
  const wrong = (told: string | readonly string[], bytes: Buffer | string): SoakRequest => {
    const expected = [told].flat();
    return { name: `error ${expected[0]}`, bytes: Buffer.from(bytes), expected, isRepeated: false };
  };
  const body = (told: string, text: string, path = '/sample') => wrong(told, postBytes(path, text, headers));
  const draw = (told: string, fields: object, path = '/sample') =>
    body(told, JSON.stringify({ logits: [0, 1], ...fields }), path);
  const infer = (told: string, text: string, more: Headers = {}, model = 'gumbel_softmax') =>
    wrong(told, postBytes(`/v2/models/${model}/infer`, text, { ...headers, ...more }));
  const key = Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  const work = { num_samples: 1_000_000, return: ['indices'] };
  const tensor = '{"inputs":[{"name":"logits","datatype":"FP32","shape":[1,3],"data":[1,2]}]}';
  return [
    body('400 malformed-json', '{"logits": [1,'),
    infer('400 malformed-binary', tensor, { 'inference-header-content-length': '9999' }),
    infer('400 shape-size-mismatch', tensor),
    wrong('400 bad-request', `POST /sample HTTP/1.1\r\nhost: service\r\n${key}content-length: many\r\n\r\n`),
    wrong('401 unauthenticated', drawBytes(2)),
    wrong('404 not-found', `GET /nothing HTTP/1.1\r\nhost: service\r\n${key}\r\n`),
    infer('404 unknown-model', tensor, {}, 'nothing'),
    wrong('405 method-not-allowed', `GET /sample HTTP/1.1\r\nhost: service\r\n${key}\r\n`),
    wrong(
      '413 body-too-large',
      `POST /sample HTTP/1.1\r\nhost: service\r\n${key}content-type: application/json\r\ncontent-length: 5000000\r\n\r\n`,
    ),
    draw('413 too-many-elements', { logits: Array(1000).fill(0), num_samples: 1_000_000 }),
    wrong('413 too-much-work', drawBytes(1000, work, { ...headers, 'x-deadline-ms': '50' })),
    // In a millisecond a draw is done, or not, or cannot be.
    wrong(
      ['504 deadline-exceeded', '413 too-much-work', '200'],
      drawBytes(1000, { num_samples: 100, return: ['indices'] }, { ...headers, 'x-deadline-ms': '1' }),
    ),
    wrong('415 unsupported-media-type', postBytes('/sample', 'logits', { ...headers, 'content-type': 'text/plain' })),
    wrong('417 expectation-failed', drawBytes(2, {}, { ...headers, expect: 'wonders' })),
    wrong('431 headers-too-large', drawBytes(2, {}, { ...headers, 'x-long': 'a'.repeat(9000) })),
    draw('422 validation', { tau: 1 }),
    body('422 non-finite-logits', '{"logits": [1e999, 1]}'),
    draw('422 all-masked-row', { logits: [null, null] }),
    draw('422 ragged-rows', { logits: [[1, 2], [1]] }),
    draw('422 empty-input', { logits: [] }),
    draw('422 temperature-out-of-range', { temperature: 0 }),
    draw('422 invalid-seed', { seed: -1 }),
    draw('422 zero-sample', { samples: [0, 1] }, '/log-prob'),
    draw('422 not-on-simplex', { samples: [0.9, 0.9] }, '/log-prob'),
    draw(
      '422 gradient-overflow',
      { logits: [0, 0], seed: 1, noise: 'none', temperature: 1e-6, cotangent: [3e38, -3e38] },
      '/sample/vjp',
    ),
  ];
}
