/** Documents do what they say: each curl of the README and of docs/ gives the reply printed below it. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { startService } from './service.js';

const root = new URL('../../', import.meta.url);
const readDocument = (path: string) => readFileSync(new URL(path, root), 'utf8');
const readme = readDocument('README.md');
const service = await startService();
t.teardown(service.close);

const exchange = /^curl -s localhost:8080(\/\S+) .* -d '(.*)'\n```\n\n```json\n(.*)\n```$/gm;

for (const document of ['README.md', 'docs/differentiable.md', 'docs/when-gumbel.md']) {
  t.test(`every curl of ${document} gives the reply printed below it`, async (t) => {
    const text = readDocument(document);
    const exchanges = [...text.matchAll(exchange)];
    // A curl whose reply goes through a pipe has a test of its own, or none.
    const curls = text.split('\n').filter((line) => line.startsWith('curl ') && !line.includes(' | '));
    t.ok(exchanges.length > 0);
    t.equal(exchanges.length, curls.length, 'every curl has its reply below it');
    for (const [, url, body, reply] of exchanges) {
      const answer = await service.post(url as string, body);
      t.ok(agree(answer.reply, JSON.parse(reply as string)), `${url} ${body}: ${answer.text}`);
    }
  });
}

/**
 * Whether two replies are the same but for the last digits of soft samples, gradients and log-densities, which may differ by 1e-6
 * between processors with other vector instructions, as the README says. Everything else is equal, and in the same order.
 */
function agree(actual: unknown, printed: unknown): boolean {
  if (typeof actual === 'number' && typeof printed === 'number') {
    return Math.abs(actual - printed) <= 1e-6 * Math.max(1, Math.abs(printed));
  }
  if (typeof actual !== 'object' || actual === null || typeof printed !== 'object' || printed === null) {
    return actual === printed;
  }
  const [own, theirs] = [Object.entries(actual), Object.entries(printed)];
  return (
    own.length === theirs.length &&
    own.every(([key, value], at) => key === theirs[at]?.[0] && agree(value, theirs[at]?.[1]))
  );
}

t.test('the frequencies of the README are what its command counts', async (t) => {
  const body = /-d '(.*)' \| cut/.exec(readme)?.[1];
  const { reply } = await service.sample(body);
  const [, zeros, ones] = /category 0 wins (\d+) and category 1 wins (\d+)/.exec(readme) ?? [];
  const wins = (reply.indices as number[]).filter((index) => index === 0).length;
  t.same([wins, 10_000 - wins], [Number(zeros), Number(ones)]);
});

t.test('the README names every field of the request', async (t) => {
  await service.app.ready();
  const document = (await service.app.inject('/openapi.json')).json();
  const { schema } = document.paths['/sample'].post.requestBody.content['application/json'];
  for (const field of Object.keys(schema.properties)) t.match(readme, `\`${field}\``);
});
