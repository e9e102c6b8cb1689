/**
 * What the clients of the soak ask for: every route, every kind of draw, every mistake a client can make. Each request
 * says which replies are right. One with a fixed seed has the same reply in every process, for two hours.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fewConnections, makeCase, type Sent } from '../../bench/bodies.js';
import { drawBytes, getBytes, postBytes } from '../requests.js';
import { errorRequests } from './error-requests.js';

export interface SoakRequest {
  readonly name: string;
  readonly bytes: Buffer;
  /** What may be replied: a status, with the code of the problem if it is an error. */
  readonly expected: readonly string[];
  /** Whether every reply must have the bytes of the first. */
  readonly isRepeated: boolean;
}

/** Requests of which one is chosen as often as `share` says. */
export interface Share {
  readonly share: number;
  readonly requests: readonly SoakRequest[];
}

type Headers = Readonly<Record<string, string>>;

/** The build lies in dist/faults/soak. */
const recordedPath = fileURLToPath(new URL('../../../test/fixtures/recorded_draws.json', import.meta.url));

function fixed(name: string, bytes: Buffer): SoakRequest {
  return { name, bytes, expected: ['200'], isRepeated: true };
}

function json(name: string, path: string, body: object, headers: Headers): SoakRequest {
  return fixed(name, postBytes(path, JSON.stringify(body), headers));
}

function sent(name: string, { path, body, headers: own }: Sent, headers: Headers): SoakRequest {
  return fixed(name, postBytes(path, body, { ...own, ...headers }));
}

/** Small draws, gradients and densities over all routes, in every shape of before. */
function recordedRequests(headers: Headers): SoakRequest[] {
  const recorded = JSON.parse(readFileSync(recordedPath, 'utf8')) as { path: string; body: object }[];
  return recorded.map(({ path, body }, index) => json(`recorded draw ${index}`, path, body, headers));
}

const logits = [1, 0.5, -1, 0.25, 2];
const cotangent = [1, 0, -1, 0.5, 0];

function kindsOfDraws(headers: Headers): SoakRequest[] {
  const sample = (name: string, more: object) => json(name, '/sample', { logits, seed: 7, ...more }, headers);
  const vjp = (name: string, more: object) =>
    json(name, '/sample/vjp', { logits, seed: 7, hard: true, cotangent, ...more }, headers);
  const density = (name: string, more: object) => json(name, '/log-prob', { logits, ...more }, headers);
  const model = (name: string, suffix: string, inputs: readonly object[]) => {
    const tensor = { name: 'logits', datatype: 'FP32', shape: [1, 5], data: logits };
    const body = { parameters: suffix === '_log_prob' ? {} : { seed: 7 }, inputs: [tensor, ...inputs] };
    return json(name, `/v2/models/gumbel_softmax${suffix}/infer`, body, headers);
  };
  const scores = ['indices', 'index_log_prob', 'top_scores', 'top_threshold', 'top_log_prob'];
  return [
    sample('top_k', { top_k: 3, return: scores }),
    sample('conditioned', { given_indices: 3, return: ['samples', 'noise', 'index_log_prob'] }),
    sample('three axes', {
      logits: [
        [logits, logits],
        [cotangent, cotangent],
      ],
      hard: [
        [true, false],
        [false, true],
      ],
    }),
    sample('densities', { return: ['log_samples', 'log_prob'] }),
    vjp('vjp reinmax', { estimator: 'reinmax' }),
    vjp('vjp softmax', { estimator: 'softmax' }),
    vjp('vjp gumbel_rao', { estimator: 'gumbel_rao', rao_samples: 100 }),
    density('log-prob of indices', { indices: 2 }),
    density('log-prob of top_indices', { top_indices: [2, 0, 4] }),
    model('model', '', []),
    model('model vjp', '_vjp', [{ name: 'cotangent', datatype: 'FP32', shape: [1, 5], data: cotangent }]),
    model('model log_prob', '_log_prob', [{ name: 'indices', datatype: 'INT64', shape: [1], data: [2] }]),
  ];
}

function pages(): SoakRequest[] {
  const paths = ['/', '/explore', '/docs', '/openapi.json', '/openapi.yaml', '/problems/validation'];
  const probes = ['/livez', '/readyz', '/metrics', '/v2/health/live', '/v2/health/ready'];
  return [...paths, ...probes].map((path) => ({
    name: `GET ${path}`,
    bytes: getBytes(path),
    expected: ['200'],
    isRepeated: path !== '/metrics' && path !== '/readyz',
  }));
}

/** A reply of 5.5 MB of text, which slow readers ask for, too. */
export function largeReplyBytes(headers: Headers): Buffer {
  return drawBytes(100, { num_samples: 5000, seed: 42 }, headers);
}

/** A body of 1.2 MB, which clients break off, too. */
export function largeBodyBytes(headers: Headers): Buffer {
  const { path, body, headers: own } = makeCase({ rows: 64, categories: 1000 }, 'soft');
  return postBytes(path, body, { ...own, ...headers });
}

/** All requests, with the key that `headers` have. */
export function mixOf(headers: Headers): Share[] {
  const unseeded = { name: 'without a seed', expected: ['200'], isRepeated: false };
  const draw = (name: string, rows: number, wanted: 'soft' | 'indices' | 'binary', samples?: number) =>
    sent(name, makeCase({ rows, categories: 1000 }, wanted, samples), headers);
  const largest = makeCase({ rows: fewConnections * 2, categories: 50_257 }, 'binary');
  return [
    { share: 0.42, requests: recordedRequests(headers) },
    { share: 0.1, requests: [{ ...unseeded, bytes: drawBytes(10, {}, headers) }] },
    { share: 0.16, requests: kindsOfDraws(headers) },
    { share: 0.15, requests: errorRequests(headers) },
    { share: 0.07, requests: pages() },
    { share: 0.03, requests: [draw('1x1000x300 indices', 1, 'indices', 300)] },
    { share: 0.03, requests: [draw('32x1000 binary', 32, 'binary')] },
    { share: 0.036, requests: [fixed('64x1000 JSON', largeBodyBytes(headers))] },
    { share: 0.002, requests: [sent('16x50257 binary', largest, headers)] },
    { share: 0.002, requests: [fixed('a reply of 5.5 MB', largeReplyBytes(headers))] },
  ];
}
