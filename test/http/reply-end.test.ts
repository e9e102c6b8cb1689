/** Whatever a request keeps is given back at the end of its reply, and every reply has one. Real sockets. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import fastify from 'fastify';
import t from 'tap';
import { whenOver } from '../../src/http/reply-end.js';

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

t.test('a reply that is sent and one whose client leaves both end, once', async (t) => {
  const { port, replies, answers, asked } = await slowService();
  const client = connect(port, '127.0.0.1', () => client.write(get));
  await asked(1);
  const ended: ServerResponse[] = [];
  whenOver(replies[0], (reply) => ended.push(reply));
  whenOver(replies[0], (reply) => ended.push(reply));
  const sent = once(replies[0], 'close');
  answers[0]?.();
  await sent;
  t.same(ended.length, 2, 'everybody who waits hears of it');
  client.write(get);
  await asked(2);
  whenOver(replies[1], (reply) => ended.push(reply));
  const lost = once(replies[1], 'close');
  client.destroy();
  await lost;
  answers[1]?.();
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.ok(ended.length === 3 && ended[0] === replies[0] && ended[2] === replies[1]);
  t.ok(replies[0]?.writableFinished);
});

t.test('who asks after the end hears of it at once', async (t) => {
  const { port, replies, answers, asked } = await slowService();
  const client = connect(port, '127.0.0.1', () => client.write(get));
  await asked(1);
  const [reply] = replies;
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
