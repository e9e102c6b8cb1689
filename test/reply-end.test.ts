/** Whatever a request keeps is given back at the end of its reply, and every reply has one. Real sockets. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import fastify from 'fastify';
import t from 'tap';
import { whenOver } from '../src/reply-end.js';

/** A service that answers when it is told to; `asked` resolves once so many requests have come. */
async function slowService() {
  const app = fastify();
  t.teardown(() => app.close());
  const replies: ServerResponse[] = [];
  const answers: (() => void)[] = [];
  app.get('/', async (_request, reply) => {
    replies.push(reply.raw);
    await new Promise<void>((resolve) => answers.push(resolve));
    return 'done';
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const asked = async (count: number) => {
    while (replies.length < count) await new Promise(setImmediate);
  };
  return { port: (app.server.address() as AddressInfo).port, replies, answers, asked };
}

const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

t.test('requests sent ahead on one connection all end when it is lost, each once', async (t) => {
  const { port, replies, answers, asked } = await slowService();
  const client = connect(port, '127.0.0.1', () => client.write(get.repeat(3)));
  await asked(3);
  const ended: number[] = [];
  const all = Promise.all(replies.map((reply) => once(reply, 'close')));
  for (const [index, reply] of replies.entries()) whenOver(reply, () => ended.push(index));
  client.destroy();
  await all;
  t.ok(replies.every((reply) => reply.destroyed));
  for (const answer of answers) answer();
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.same(
    ended.toSorted((a, b) => a - b),
    [0, 1, 2],
  );
});

t.test('replies that are sent end as they are, in their order', async (t) => {
  const { port, replies, answers, asked } = await slowService();
  const client = connect(port, '127.0.0.1', () => client.write(get.repeat(2)));
  await asked(2);
  const ended: number[] = [];
  const all = Promise.all(replies.map((reply) => once(reply, 'close')));
  for (const [index, reply] of replies.entries()) whenOver(reply, () => ended.push(index));
  for (const answer of answers.toReversed()) answer();
  await all;
  t.same(ended, [0, 1]);
  t.ok(replies.every((reply) => reply.writableFinished));
  client.destroy();
  await once(client, 'close');
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.same(ended, [0, 1], 'the end of the connection adds nothing');
});

t.test('who asks after the end hears of it at once', async (t) => {
  const { port, replies, answers, asked } = await slowService();
  const client = connect(port, '127.0.0.1', () => client.write(get));
  await asked(1);
  const [reply] = replies as [ServerResponse];
  client.destroy();
  await once(reply, 'close');
  let ended = 0;
  whenOver(reply, () => {
    ended += 1;
  });
  t.equal(ended, 1);
  for (const answer of answers) answer();
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.equal(ended, 1);
});
