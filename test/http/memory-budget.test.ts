/** The account of what requests hold: every result and reply counts, and all of it is free again. */
import { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import t from 'tap';
import { MemoryBudget, RequestMemory } from '../../src/http/memory-budget.js';
import { requestBuffers } from '../../src/http/request-buffers.js';
import { startService } from '../support/service.js';

/** A request whose reply never begins. */
function requestOf(budget: MemoryBudget): { memory: RequestMemory; end: () => void } {
  const reply = new ServerResponse({
    method: 'POST',
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    socket: { once: () => {} },
  } as never);
  Object.defineProperty(reply, 'req', { value: { socket: { once: () => {} } } });
  return {
    memory: new RequestMemory(budget, reply),
    end: () => {
      reply.destroyed = true;
      reply.emit('close');
    },
  };
}

t.test('what is held, taken and given adds up, and an end frees the rest once', async (t) => {
  const budget = new MemoryBudget(2 ** 20);
  const { memory, end } = requestOf(budget);
  memory.hold(1000);
  memory.holdBody(500);
  const buffer = memory.take(100_000);
  t.equal(budget.bytes, 1500 + buffer.byteLength, 'a buffer counts in its real size');
  memory.give(buffer);
  memory.give(buffer);
  t.equal(budget.bytes, 1500);
  memory.take(40_000);
  memory.settle();
  t.equal(budget.bytes, 1000, 'what came from the body is free');
  memory.free(400);
  t.equal(budget.bytes, 600);
  end();
  t.equal(budget.bytes, 0);
  memory.hold(10);
  memory.free(10);
  memory.settle();
  t.equal(budget.bytes, 0, 'after the end nothing counts');
});

t.test('a buffer that turns out larger than the room for it goes back to the pool', async (t) => {
  const bytes = 2 ** 15 * 1.25;
  const buffer = new ArrayBuffer(bytes);
  requestBuffers.give(buffer);
  // Large requests may use seven eighths. Another request holds a byte, so that the rule of the lone request is out.
  const budget = new MemoryBudget((8 / 7) * bytes);
  requestOf(budget).memory.hold(1);
  const { memory } = requestOf(budget);
  t.throws(() => memory.take(2 ** 15 + 1), { code: 'overloaded' });
  memory.settle();
  t.equal(budget.bytes, 1, 'nothing is counted for it');
  t.equal(requestBuffers.take(bytes), buffer);
});

t.test(
  'an eighth of the budget is for those who hold little at a time, and a lone request may exceed it',
  async (t) => {
    const budget = new MemoryBudget(2 ** 20);
    const large = requestOf(budget).memory;
    large.hold(2 ** 21);
    t.throws(() => requestOf(budget).memory.hold(1), { code: 'overloaded' });
    large.free(2 ** 21 - 7 * 2 ** 17);
    t.throws(() => requestOf(budget).memory.hold(20_000), { code: 'overloaded' });
    for (let count = 0; count < 8; count++) requestOf(budget).memory.hold(16_384);
    t.throws(() => requestOf(budget).memory.hold(16_384), { code: 'overloaded' });
  },
);

/** 16,376 bytes of result, and up to 98 KB of text, if each sample had all brackets that logits can have. */
const draw = { logits: [0, 0.3], num_samples: 2047, return: ['log_samples'] };

t.test('small results count, by the text that waits', async (t) => {
  const { sample, close } = await startService({ BODY_BYTES_IN_FLIGHT_MAX: String(2 ** 20) });
  t.teardown(close);
  const statuses = (await Promise.all(Array.from({ length: 40 }, () => sample(draw)))).map(({ status }) => status);
  t.same([...new Set(statuses)].sort(), [200, 503], 'forty at once are more than 1 MiB');
  t.ok(statuses.filter((status) => status === 200).length >= 7, 'those that fit are drawn');
  t.equal((await sample(draw)).status, 200, 'and the room is free again');
});

t.test('no text is longer than what was held for it', async (t) => {
  const { app, close } = await startService({ BODY_BYTES_IN_FLIGHT_MAX: String(2 ** 20) });
  t.teardown(close);
  let least = Number.POSITIVE_INFINITY;
  watchFrees(app, (bytes) => {
    least = Math.min(least, bytes);
  });
  const logits = [-3e38, 1e-30, 0.1, 3e38];
  const more = { logits: [logits, logits], seed: '1', temperature: 1e-6, num_samples: 100 };
  for (const names of [
    ['samples', 'indices'],
    ['log_samples', 'log_prob', 'noise'],
  ]) {
    const response = await app.inject({
      method: 'POST',
      url: '/sample',
      payload: { ...more, return: names, top_k: 3 },
    });
    t.equal(response.statusCode, 200, response.body.slice(0, 300));
  }
  t.ok(least >= 0, `${least} bytes were left at least`);
});

/** Tells what each request frees of its room once its text is known. */
function watchFrees(app: FastifyInstance, freed: (bytes: number) => void): void {
  app.addHook('preHandler', (request, _reply, done) => {
    const free = request.memory.free.bind(request.memory);
    request.memory.free = (bytes) => {
      freed(bytes);
      free(bytes);
    };
    done();
  });
}
