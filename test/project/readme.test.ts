/** Documents do what they say: each curl of the README and of docs/ gives the reply printed below it. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { agree, exchangesOf } from '../support/exchanges.js';
import { startService } from '../support/service.js';

const root = new URL('../../../', import.meta.url);
const readDocument = (path: string) => readFileSync(new URL(path, root), 'utf8');
const readme = readDocument('README.md');
const service = await startService();
t.teardown(service.close);

const documents = ['README.md', 'docs/differentiable.md', 'docs/when-gumbel.md', 'docs/open-inference-protocol.md'];
for (const document of documents) {
  t.test(`every curl of ${document} gives the reply printed below it`, async (t) => {
    const text = readDocument(document);
    const exchanges = exchangesOf(text);
    // A curl whose reply goes through a pipe has a test of its own, or none.
    const curls = text.split('\n').filter((line) => line.startsWith('curl ') && !line.includes(' | '));
    t.ok(exchanges.length > 0);
    t.equal(exchanges.length, curls.length, 'every curl has its reply below it');
    for (const { url, headers, body, reply } of exchanges) {
      const answer = await service.app.inject({ method: 'POST', url, headers, payload: body });
      t.ok(agree(answer.json(), JSON.parse(reply)), `${url} ${body}: ${answer.body}`);
    }
  });
}

t.test('the frequencies of docs/when-gumbel.md are what its command counts', async (t) => {
  const text = readDocument('docs/when-gumbel.md');
  const body = /-d '(.*)' \| cut/.exec(text)?.[1];
  const { reply } = await service.sample(body);
  const [, zeros, ones] = /category 0 wins (\d+) and category 1 wins (\d+)/.exec(text) ?? [];
  const wins = (reply.indices as number[]).filter((index) => index === 0).length;
  t.same([wins, 10_000 - wins], [Number(zeros), Number(ones)]);
});

t.test('the README is read in a minute: it has at most 110 lines', async (t) => {
  t.ok(readme.split('\n').length - 1 <= 110);
});

t.test('the README names every field of the request', async (t) => {
  await service.app.ready();
  const document = (await service.app.inject('/openapi.json')).json();
  for (const field of Object.keys(document.components.schemas.SampleRequest.properties))
    t.match(readme, `\`${field}\``);
});
