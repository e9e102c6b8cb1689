/** The TypeScript client where something goes wrong: refusals, lost connections, deadlines, mistakes of callers. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, ServiceError } from '@gumbel-sampler/client';
import t from 'tap';
import { serve } from './served.js';

const { client, url, close } = await serve();
t.teardown(close);

t.test('a refusal has the code, the pointers, the remedy, the status and the id of the request', async (t) => {
  const error = await client.sample([0, 1], { temperature: 0 }).catch((thrown: unknown) => thrown);
  t.ok(error instanceof ServiceError);
  const { code, status, errors, remedy, title, requestId, message } = error as ServiceError;
  t.same([code, status, title], ['temperature-out-of-range', 422, 'The temperature is out of range']);
  t.equal(errors[0]?.pointer, '/parameters/temperature');
  t.match(remedy, /For exact one-hot samples send hard: true/);
  t.match(message, /^temperature-out-of-range: \/parameters\/temperature must be from 1e-6 to 1e6/);
  t.match(requestId, /^[0-9a-f-]{36}$/);
  await t.rejects(client.post('sample', { logits: [0, 1], temperature: 0 }), {
    code: 'temperature-out-of-range',
    errors: [{ pointer: '/temperature' }],
    requestId: /./,
  });
  await t.rejects(client.post('nowhere', {}), { code: 'not-found', status: 404 });
  await t.rejects(client.sample([0, Number.NaN]), { code: 'non-finite-logits' });
  await t.rejects(client.sample([0, null], { masks: 'refuse' }), { code: 'non-finite-logits' });
  await t.rejects(client.sample([0, 1], { parameters: { top_q: 1 } }), { code: 'validation' });
});

t.test('an API key', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'keys-'));
  const path = join(folder, 'keys');
  writeFileSync(path, `reader:${createHash('sha256').update('open-sesame').digest('hex')}\n`);
  const guarded = await serve({ API_KEYS_FILE: path });
  t.teardown(async () => {
    await guarded.close();
    rmSync(folder, { recursive: true });
  });
  await t.rejects(guarded.client.sample([0, 1]), { code: 'unauthenticated', status: 401, remedy: /Bearer/ });
  const keyed = new Client(guarded.url, { apiKey: 'open-sesame' });
  t.equal((await keyed.sample([0, 1])).samples.data.length, 2);
});

/** A front of the real service that answers the first requests itself: by a function, or not at all. */
async function front(...answers: ((() => Response) | 'lost')[]) {
  const bodies: string[] = [];
  const fronted = (async (input: URL, init: RequestInit) => {
    bodies.push(Buffer.from(init.body as Uint8Array).toString('latin1'));
    const answer = answers.shift();
    if (answer === undefined) return fetch(input, init);
    if (answer === 'lost') throw new TypeError('fetch failed');
    return answer();
  }) as typeof fetch;
  return { bodies, client: new Client(url, { fetch: fronted }) };
}

const refusal = (status: number, seconds?: string) => () =>
  new Response(JSON.stringify({ error: 'overloaded: later', code: 'overloaded' }), {
    status,
    headers: { 'content-type': 'application/json', ...(seconds !== undefined && { 'retry-after': seconds }) },
  });

t.test('503s and lost connections are tried again, with the seed of the first try', async (t) => {
  const { bodies, client } = await front(refusal(503, '0'), 'lost', refusal(502, '0'), refusal(503, '0'));
  const draw = await client.sample([0, 1, 2]);
  t.equal(bodies.length, 5);
  t.equal(new Set(bodies).size, 1, 'every try sends the same bytes');
  t.match(bodies[0], `"seed":"${draw.seed}"`);
});

t.test('a reply that breaks off is tried again', async (t) => {
  const broken = () =>
    new Response(
      new ReadableStream({
        start: (controller) => {
          controller.enqueue(new Uint8Array(10));
          controller.error(new TypeError('terminated'));
        },
      }),
    );
  const { bodies, client } = await front(broken);
  t.ok((await client.verify(await client.sample([0, 1]))).ok);
  t.equal(bodies.length, 2);
});

t.test('it gives up after so many tries, and where Retry-After is beyond the time limit', async (t) => {
  const lost = await front('lost');
  const twice = new Client(url, {
    retries: 1,
    fetch: (() => Promise.reject(new TypeError('refused'))) as typeof fetch,
  });
  await t.rejects(twice.sample([0, 1]), { code: 'unreachable', status: 0, remedy: /address/, cause: TypeError });
  t.equal((await lost.client.sample([0, 1], { seed: 1 })).seed, 1n, 'one lost connection is no failure');
  const late = await front(refusal(503, '3600'));
  await t.rejects(late.client.sample([0, 1]), { code: 'overloaded', retryAfterSeconds: 3600 });
  t.equal(late.bodies.length, 1);
});

t.test('what is no 503 is not tried again', async (t) => {
  const page = () => new Response('<html>', { status: 500, statusText: 'Server Error' });
  const { bodies, client } = await front(page);
  await t.rejects(client.sample([0, 1]), { code: 'http-500', status: 500, detail: '500 Server Error' });
  t.equal(bodies.length, 1);
});

t.test('a deadline goes with the request, and ends it', async (t) => {
  const deadlines: string[] = [];
  const silent = createServer(({ headers }) => deadlines.push(String(headers['x-deadline-ms'])));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.teardown(() => silent.closeAllConnections());
  t.teardown(() => silent.close());
  const waiting = new Client(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
  let timeoutMs = 50;
  // A busy machine may take longer than that to connect.
  do {
    timeoutMs *= 2;
    await t.rejects(waiting.sample([0, 1], { timeoutMs }), { code: 'timeout', remedy: /timeoutMs/ });
  } while (deadlines.length === 0);
  for (const deadline of deadlines) t.ok(Number(deadline) <= timeoutMs && Number(deadline) >= 1);
  t.equal((await client.sample([0, 1], { seed: 1, timeoutMs: Number.POSITIVE_INFINITY })).seed, 1n, 'none at all');
  const abort = new AbortController();
  const reason = new Error('the reader left');
  const before = deadlines.length;
  const leaving = waiting.sample([0, 1], { signal: abort.signal });
  while (deadlines.length === before) await new Promise((resolve) => setImmediate(resolve));
  abort.abort(reason);
  await t.rejects(leaving, reason);
  await t.rejects(client.sample([0, 1], { signal: abort.signal }), reason, 'a signal of the past');
});

t.test('a signal ends the wait for another try', async (t) => {
  const abort = new AbortController();
  const { bodies, client } = await front(() => {
    setImmediate(() => abort.abort());
    return refusal(503, '30')();
  });
  await t.rejects(client.sample([0, 1], { signal: abort.signal }), { name: 'AbortError' });
  t.equal(bodies.length, 1);
});

t.test('what cannot be sent is refused at once, and named', async (t) => {
  const unasked = new Client(url, { fetch: (() => t.fail('nothing is sent')) as never });
  const wrong: readonly (readonly [call: () => Promise<unknown>, says: RegExp])[] = [
    [() => unasked.sample([[0, 1], [0]]), /^logits\[1\] has length 1, its neighbours length 2/],
    [() => unasked.sample([[0, 1], 2]), /^logits\[1\] is no array/],
    [
      () =>
        unasked.sample([
          [0, 1],
          [0, [2]],
        ] as never),
      /^logits\[1\]\[1\] is an array, not a number/,
    ],
    [() => unasked.sample([0, '1'] as never), /^logits\[1\] is 1, not a number/],
    [
      () =>
        unasked.sample([
          [0, 1],
          [0, -1e39],
        ]),
      /^logits\[1\]\[1\] is -1e\+39, too large for float32/,
    ],
    [() => unasked.sample(new Float32Array(6), { shape: [2, 2] }), /^logits has 6 numbers/],
    [() => unasked.sample('0, 1' as never), /^logits must be nested arrays/],
    [() => unasked.sample([0, 1], { temperatur: 2 } as never), /^sample has no option temperatur; it has /],
    [() => unasked.sample([0, 1], { seed: -1 }), /^seed is -1/],
    [() => unasked.sample([0, 1], { seed: 2 ** 53 }), /^seed is 9007199254740992/],
    [() => unasked.sample([0, 1], { seed: 2n ** 64n }), /^seed is 18446744073709551616/],
    [() => unasked.sample([0, 1], { seed: '0x1' }), /^seed is 0x1/],
    [
      () =>
        unasked.sample(
          [
            [0, 1],
            [0, 1],
            [0, 1],
          ],
          { seed: [1, 2] },
        ),
      /^seed has 2 values for 3 rows/,
    ],
    [
      () =>
        unasked.sample(
          [
            [0, 1],
            [0, 1],
          ],
          { temperature: [1, 2, 3] },
        ),
      /^temperature has 3 values for 2 rows/,
    ],
    [
      () =>
        unasked.sample(
          [
            [0, 1],
            [0, 1],
          ],
          { givenIndices: [1] },
        ),
      /^givenIndices has 1 values for 2 rows/,
    ],
    [() => unasked.sample([0, 1], { givenIndices: 0.5 }), /^givenIndices is 0.5, not an integer/],
    [() => unasked.vjp([0, 1], [1, 0]), /^vjp needs the seed of the draw/],
    [() => unasked.vjp([0, 1], [1, 0, 0], { seed: 1 }), /^cotangent has 3 numbers/],
    [() => unasked.vjp([0, 1], [1, null], { seed: 1 }), /^cotangent\[1\] is null, not a number/],
    [() => unasked.logProb([0, 1], { samples: [0.5, 0.25, 0.25] }), /^samples has the shape \[3\]/],
    [
      () =>
        unasked.logProb(
          [
            [0, 1],
            [0, 1],
          ],
          {
            samples: [
              [1, 0],
              [0, 1],
            ],
          },
          { temperature: [1] },
        ),
      /^temperature has 1/,
    ],
  ];
  for (const [call, says] of wrong) await t.rejects(call(), { message: says }, String(says));
});
