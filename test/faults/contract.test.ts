/** What the fault tests accept as an error: each that the service gives, and nothing else in its place. */
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { judge } from '../../faults/contract.js';
import { traceparent } from '../../faults/mutate/message.js';
import { postBytes } from '../../faults/requests.js';
import { isReply, WireConnection, type WireReply } from '../../faults/wire.js';
import { startService } from '../support/service.js';

const service = await startService();
await service.app.listen({ host: '127.0.0.1', port: 0 });
const connection = await WireConnection.open((service.app.server.address() as AddressInfo).port);
t.teardown(async () => {
  connection.destroy();
  await service.close();
});

const infer = '/v2/models/gumbel_softmax/infer';

async function errorOf(path: string, headers: Record<string, string>): Promise<WireReply> {
  const answer = await connection.request(postBytes(path, '{}', headers));
  if (!isReply(answer)) throw new Error(answer.closed);
  return answer;
}

for (const path of ['/sample', infer]) {
  for (const headers of [{}, { traceparent }]) {
    const name = `${path}${'traceparent' in headers ? ' of a caller that traces' : ''}`;
    t.test(name, async (t) => {
      const reply = await errorOf(path, headers);
      const body = JSON.parse(reply.body.toString());
      t.equal('trace_id' in body, 'traceparent' in headers);
      const judged = (changes: object) =>
        judge({ ...reply, body: Buffer.from(JSON.stringify({ ...body, ...changes })) }, 'POST');
      t.same(judged({}), { kind: body.code, wrong: undefined });
      const form = path === infer ? 'an error of another form' : 'a problem of another form';
      t.equal(judged({ stack: 'at judge' }).wrong, form, 'a member that no document has');
      t.equal(judged({ request_id: undefined }).wrong, form, 'a member that is missing');
      t.match(judged({ trace_id: 'x'.repeat(4096) }).wrong, /\d+ bytes/, 'more than 4 KiB');
    });
  }
}
