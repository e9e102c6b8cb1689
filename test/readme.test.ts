/** The README's commands do what the README says: each curl gives the reply printed below it. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { startService } from './service.js';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const service = await startService();
t.teardown(service.close);

t.test('every curl of the README gives the reply printed below it', async (t) => {
  const exchanges = [...readme.matchAll(/^curl .* -d '(.*)'\n```\n\n```json\n(.*)\n```$/gm)];
  t.equal(exchanges.length, 4);
  for (const [, body, reply] of exchanges) t.equal((await service.sample(body)).text, reply);
});

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
