/** Mutations of the request line and of headers that leave no doubt where the request ends. */
import { canary } from './body.js';
import { jsonLengthHeader, type Message, traceparent, withHeader } from './message.js';
import type { Random } from './random.js';

const mediaTypes = [
  'application/json; charset=utf-8',
  'application/json; charset=latin1',
  'application/json;charset="utf-8"',
  'text/plain',
  'application/octet-stream',
  'APPLICATION/JSON',
  'application/json; charset=utf-8; charset=utf-8',
  'json',
  '',
  ';',
  'a/b/c',
  `application/${canary}`,
  'multipart/form-data; boundary=x',
  'application/x-www-form-urlencoded',
] as const;

const lengths = [
  '-1',
  '',
  '0',
  '1',
  '1.5',
  '0x10',
  '1e3',
  '99999999999999999999',
  'x',
  '2147483648',
  ' 5',
  '+5',
] as const;

/** Values that headers of this service have, or do not. */
const values = [
  '',
  '0',
  '1',
  '-1',
  '50',
  '5000',
  '1e3',
  '99999999999999999999',
  'abc',
  canary,
  'x'.repeat(500),
  'é',
  '\t',
  'a,b',
  '"',
  '*',
  'Bearer zq7canary',
  'gzip',
  'identity',
  'br, gzip',
  traceparent,
] as const;

const names = [
  'x-request-id',
  'x-deadline-ms',
  'authorization',
  'content-encoding',
  'accept',
  'accept-encoding',
  'traceparent',
  'cookie',
  'origin',
  'range',
  'if-none-match',
  'x-forwarded-for',
  'connection',
  'keep-alive',
  'te',
  'upgrade',
  'via',
  canary,
] as const;

const paths = [
  '/',
  '/sample',
  '/sample?x=1',
  '//sample',
  '/sample/',
  '/SAMPLE',
  '/sample/vjp',
  '/log-prob',
  '/%zz',
  '/sample%00',
  '/%2e%2e/',
  '/../sample',
  '/livez',
  '/readyz',
  '/metrics',
  '/openapi.json',
  '/docs',
  '/docs/',
  '/docs/static/../index.html',
  '/v2',
  '/v2/',
  '/v2x',
  '/v2/models',
  `/v2/models/${canary}/infer`,
  '/v2/models/gumbel_softmax/versions/2/infer',
  '/v2/models/gumbel_softmax_vjp/infer',
  '/v2/models/gumbel_softmax/infer/',
  '/problems/',
  '/problems/validation',
  `/problems/${canary}`,
  '/problems/__proto__',
  `/problems/${'x'.repeat(300)}`,
  `/${'a/'.repeat(500)}`,
  '*',
  'http://x/sample',
  '/sample#x',
  `/?${canary}=${canary}`,
] as const;

const methods = [
  'GET',
  'HEAD',
  'PUT',
  'DELETE',
  'OPTIONS',
  'PATCH',
  'POST',
  'PROPFIND',
  'TRACE',
  'SEARCH',
  'LOCK',
] as const;

/** Changes one thing of the head. */
export function mutateHead(random: Random, message: Message): Message {
  switch (random.below(8)) {
    case 0:
      return withHeader(message, 'content-type', random.pick(mediaTypes));
    case 1:
      return withHeader(message, 'content-type', undefined);
    case 2:
      return withHeader(
        message,
        jsonLengthHeader,
        random.chance(0.5) ? String(random.below(2000)) : random.pick(lengths),
      );
    case 3:
      return withHeader(message, jsonLengthHeader, undefined);
    case 4:
      return { ...message, path: random.pick(paths) };
    case 5:
      return { ...message, method: random.pick(methods) };
    case 6:
      return { ...message, method: random.pick(methods), path: random.pick(paths) };
    default:
      return addHeaders(random, message);
  }
}

function addHeaders(random: Random, message: Message): Message {
  const roll = random.below(100);
  if (roll < 3) return withHeader(message, 'x-long', 'x'.repeat(random.between(4000, 40_000)));
  if (roll < 5) {
    const many = Array.from({ length: random.between(50, 3000) }, (_, at) => [`x-${at}`, ''] as const);
    return { ...message, headers: [...message.headers, ...many] };
  }
  if (roll < 10) return withHeader(message, 'expect', random.pick(['100-continue', canary, '']));
  const name = random.pick(names);
  const value = random.pick(values);
  const twice = random.chance(0.1) ? ([[name, random.pick(values)]] as const) : [];
  return { ...message, headers: [...message.headers, [name, value], ...twice] };
}
