/**
 * Bodies, batches and replies lie in memory that is used again. No reply may show what another request left there: many
 * clients at once, some of which leave in the middle, get byte for byte what each gets alone.
 */
import { connect } from 'node:net';
import fc from 'fast-check';
import t from 'tap';
import { encode } from '../support/inference.js';
import { startService } from '../support/service.js';

interface Case {
  readonly rows: number;
  readonly categories: number;
  readonly samples: number;
  readonly hard: boolean;
  readonly binary: boolean;
  readonly seed: number;
}

/** Results from a few bytes, which are never kept, to some MiB, in one part and in several. */
const cases = fc.array(
  fc.record({
    rows: fc.integer({ min: 1, max: 48 }),
    categories: fc.constantFrom(3, 1000, 4096),
    samples: fc.integer({ min: 1, max: 4 }),
    hard: fc.boolean(),
    binary: fc.boolean(),
    seed: fc.nat(),
  }),
  { minLength: 24, maxLength: 24 },
);

function requestOf({ rows, categories, samples, hard, binary, seed }: Case) {
  const values = Array.from({ length: rows * categories }, (_, at) => ((at * 7919 + seed) % 1013) / 100);
  const outputs = ['samples', 'indices', 'noise'].map((name) => ({ name, parameters: { binary_data: binary } }));
  return encode({
    inputs: [{ name: 'logits', datatype: 'FP32', shape: [rows, categories], values, binary }],
    parameters: { temperature: 0.5, hard, seed: String(seed), num_samples: samples },
    outputs,
  });
}

t.test('replies drawn together are those drawn alone', async (t) => {
  const service = await startService({ BATCH_ELEMENTS_MAX: '65536', QUEUE_ELEMENTS_MAX: '100000000' });
  t.teardown(service.close);
  await service.app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = service.app.server.address() as { port: number };
  const url = `http://127.0.0.1:${port}/v2/models/gumbel_softmax/infer`;
  const ask = async ({ payload, headers }: ReturnType<typeof requestOf>) => {
    const reply = await fetch(url, { method: 'POST', body: new Uint8Array(payload), headers });
    return { status: reply.status, bytes: Buffer.from(await reply.arrayBuffer()) };
  };
  /** Asks, and leaves with the first byte of the reply. */
  const leave = ({ payload, headers }: ReturnType<typeof requestOf>) =>
    new Promise<void>((resolve) => {
      const lines = Object.entries({ host: 'x', 'content-length': String(payload.length), ...headers });
      const head = `POST /v2/models/gumbel_softmax/infer HTTP/1.1\r\n${lines.map((line) => `${line.join(': ')}\r\n`).join('')}\r\n`;
      const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.concat([Buffer.from(head), payload])));
      socket.once('data', () => socket.destroy());
      socket.once('close', () => resolve());
    });
  await fc.assert(
    fc.asyncProperty(cases, async (all) => {
      const requests = all.map(requestOf);
      const alone: Buffer[] = [];
      for (const request of requests) {
        const { status, bytes } = await ask(request);
        if (status !== 200) throw new Error(`${status}: ${bytes}`);
        alone.push(bytes);
      }
      const together = await Promise.all(
        requests.flatMap((request, at) => (at % 3 === 0 ? [leave(request).then(() => ask(request))] : [ask(request)])),
      );
      return together.every(({ status, bytes }, at) => status === 200 && bytes.equals(alone[at]));
    }),
    { seed: 1, numRuns: 6 },
  );
  t.pass('6 times 24 requests of other sizes at once');
});
