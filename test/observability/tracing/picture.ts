/**
 * Draws docs/images/trace.svg: the traces of three requests that shared a batch, recorded from the service over real
 * HTTP: `npm run picture:trace`.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openReceiver, type ReceivedSpan } from '../../support/otlp-receiver.js';
import { post, RawClient } from '../../support/raw-client.js';
import { startService } from '../../support/service.js';
import { type Row, traceSvg } from './trace-svg.js';

const file = fileURLToPath(new URL('../../../../docs/images/trace.svg', import.meta.url));

/** Draws before the one that is recorded, for V8 to compile. */
const warmUps = 300;
const requests = 3;
/** The quickest of so many is drawn: the one that other processes disturbed least. */
const rounds = 200;

const receiver = await openReceiver();
const service = await startService({
  OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
  OTEL_TRACES_SAMPLER: 'parentbased_always_off',
  OTEL_BSP_SCHEDULE_DELAY: '10',
});
await service.app.listen({ port: 0, host: '127.0.0.1' });
const { port } = service.app.server.address() as { port: number };
const row = Array.from({ length: 100 }, (_, category) => Number(Math.sin(category).toFixed(3)));
const body = JSON.stringify({ logits: Array(16).fill(row), seed: 1 });

const clients = Array.from({ length: requests }, () => new RawClient(port));
await Promise.all(clients.map(({ socket }) => once(socket, 'connect')));
let drawn = 0;

/** Every client draws. Written in one turn, requests of connections that are open are mostly read in one turn. */
async function drawAtOnce(headersOf: (index: number) => string): Promise<void> {
  for (const [index, { socket }] of clients.entries()) socket.write(post('/sample', body, headersOf(index)));
  drawn += 1;
  await Promise.all(clients.map((client) => client.replies(drawn)));
}

/** From the first start to the last end. */
function nanosecondsOf(rows: readonly Row[]): number {
  const starts = rows.map(({ span }) => Number(span.start));
  const ends = rows.map(({ span }) => Number(span.end));
  return Math.max(...ends) - Math.min(...starts);
}

/** The spans of a trace in the order of the tree. */
function rowsOf(spans: readonly ReceivedSpan[], parent: ReceivedSpan, depth: number, label: string): Row[] {
  const children = spans
    .filter(({ parentSpanId }) => parentSpanId === parent.spanId)
    .sort((a, b) => Number(a.start - b.start));
  return [{ span: parent, depth, label }, ...children.flatMap((child) => rowsOf(spans, child, depth + 1, child.name))];
}

/** Three requests at once. Undefined if they did not share a batch. */
async function record(round: number): Promise<Row[] | undefined> {
  const traceIds = Array.from({ length: requests }, (_, index) => `${round}${index}`.padStart(32, 'a'));
  await drawAtOnce((index) => `traceparent: 00-${traceIds[index]}-${'b'.repeat(16)}-01\r\n`);
  const servers = await Promise.all(
    traceIds.map(async (traceId) => {
      const isServer = (span: ReceivedSpan) => span.traceId === traceId && span.kind === 2;
      return (await receiver.until(isServer)).find(isServer) as ReceivedSpan;
    }),
  );
  const draws = servers.flatMap(({ traceId }) =>
    receiver.spans.filter((span) => span.traceId === traceId && span.name === 'draw'),
  );
  const batch = receiver.spans.find(({ links }) => draws.every(({ spanId }) => links.includes(spanId)));
  if (!batch) return undefined;
  servers.sort((a, b) => Number(a.start - b.start));
  const trees = servers.flatMap((server, index) =>
    rowsOf(receiver.spans, server, 0, `${server.name}, request ${index + 1}`),
  );
  return [...trees, { span: batch, depth: 0, label: `batch of ${requests} requests` }];
}

while (drawn < warmUps) await drawAtOnce(() => '');
const recorded: Row[][] = [];
for (let round = 100; round < 100 + rounds; round++) {
  const rows = await record(round);
  if (rows) recorded.push(rows);
}
const [rows] = recorded.sort((a, b) => nanosecondsOf(a) - nanosecondsOf(b));
for (const { socket } of clients) socket.destroy();
await service.close();
await receiver.close();
if (!rows) throw new Error('No three requests shared a batch.');
const about = `Three requests of 16 x 100 soft samples that shared a batch, as traces: each has the spans parse, queue, draw with noise and graph, and print; the batch is linked with the three draws.`;
writeFileSync(file, traceSvg(rows, about));
console.log(file);
