/**
 * What a request allocates is gone with it. V8 collects young objects at almost no cost, but one that something old
 * still names, be that dead, it copies twice and keeps until it marks the whole heap. Once that was a quarter of all
 * that draws allocated, and a small draw took half as much time again. No test of behaviour sees it.
 */
import t from 'tap';
import { readExposition } from '../support/exposition.js';
import { Flood, type Sent } from '../support/flood.js';
import { start } from '../support/server-process.js';

/** So many requests are on their way together, as jobs that share a batch are. */
const connections = 32;

/** Until the code of a request is compiled, which lives on. */
const warmUpRequests = 3000;
const requests = 4000;

/**
 * Bytes of each request that outlive it. Here a sound build leaves up to 0.4 KB, of compiled code and other things that
 * come to an end. With the Sets that were the cause it was 8 KB, with objects made by spreading others 2 KB, and 2 KB
 * with V8's pretenuring alone.
 */
const bytesMax = 1000;

const logits = Array.from({ length: 10 }, (_, category) => category / 4);
const inputs = [{ name: 'logits', shape: [1, 10], datatype: 'FP32', data: logits }];
const cases: readonly Sent[] = [
  json('/sample', { logits, seed: 42 }),
  json('/sample/vjp', { logits, seed: 42, cotangent: logits }),
  json('/log-prob', { logits, samples: logits.map(() => 0.1) }),
  json('/v2/models/gumbel_softmax/infer', { parameters: { seed: 42 }, inputs }),
];

function json(path: string, body: object): Sent {
  return { path, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** Bytes of old objects of the HTTP thread, dead ones too, and how often its whole heap has been marked. */
async function oldObjects(url: string): Promise<{ bytes: number; marked: number }> {
  const { value } = readExposition(await (await fetch(`${url}/metrics`)).text());
  return {
    bytes: value('nodejs_heap_space_size_used_bytes', { space: 'old' }) as number,
    marked: value('nodejs_gc_duration_seconds_count', { kind: 'major' }) ?? 0,
  };
}

/**
 * Bytes of old objects that each request left, measured where the heap was not marked meanwhile: the least of up to
 * five attempts, since what a process does once may fall into one, and what every request leaves is in all of them.
 */
async function bytesLeft(flood: Flood, url: string, sent: Sent): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 5 && least >= bytesMax; attempt++) {
    const before = await oldObjects(url);
    await flood.post(sent, requests);
    const after = await oldObjects(url);
    if (after.marked === before.marked) least = Math.min(least, (after.bytes - before.bytes) / requests);
  }
  return least;
}

t.test('nothing of a request outlives it', async (t) => {
  const { child, url, exit } = await start();
  t.teardown(() => child.kill('SIGKILL'));
  const flood = new Flood(url, connections);
  for (const sent of cases) {
    await flood.post(sent, warmUpRequests);
    const bytes = await bytesLeft(flood, url, sent);
    t.ok(bytes < bytesMax, `${sent.path}: ${bytes.toFixed(0)} bytes of each`);
  }
  flood.end();
  child.kill('SIGTERM');
  t.same(await exit, [0, null]);
});
