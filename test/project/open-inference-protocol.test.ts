/**
 * docs/open-inference-protocol.md beside the service: its binary bodies, its tables, and the clients it names. Its
 * curls: readme.test.ts.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { agree, headersOf } from '../support/exchanges.js';
import { decode } from '../support/inference.js';
import { startService } from '../support/service.js';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const text = read('docs/open-inference-protocol.md');
const service = await startService();
t.teardown(service.close);

/** The bytes that printf makes of octal escapes. */
function octal(escapes: string): Buffer {
  return Buffer.from([...escapes.matchAll(/\\([0-7]{3})/g)].map(([, digits]) => Number.parseInt(digits, 8)));
}

t.test('the binary exchange gives the JSON and the bytes printed below it', async (t) => {
  const command =
    /^\{ printf '%s' '(.*)'; printf '(.*)'; \} \| curl -s localhost:8080(\S+)((?: -H '[^']+')+) --data-binary @- .*\n.*head -c (\d+) reply.*tail -c (\d+) reply/m;
  const printed = /^```\ninference-header-content-length: (\d+)\n(\{.*\})\n((?: [0-9a-f]{2})+)\n```$/m;
  const [, json, bytes, url, options, head, tail] = command.exec(text) as unknown as string[];
  const [, length, replied, hexadecimal] = printed.exec(text) as unknown as string[];
  const headers = headersOf(options);
  t.equal(headers['inference-header-content-length'], String(Buffer.byteLength(json)));
  const payload = Buffer.concat([Buffer.from(json), octal(bytes)]);
  const reply = await service.app.inject({ method: 'POST', url, headers, payload });
  const jsonLength = Number(reply.headers['inference-header-content-length']);
  t.same([head, length, Number(tail)], [jsonLength, jsonLength, reply.rawPayload.length - jsonLength]);
  const documented = Buffer.concat([Buffer.from(replied), Buffer.from(hexadecimal.replaceAll(' ', ''), 'hex')]);
  const [own, theirs] = [decode(reply.rawPayload, jsonLength), decode(documented, Number(length))];
  t.same(own.head, theirs.head);
  t.ok(agree([...own.outputs.samples.numbers], [...theirs.outputs.samples.numbers]));
});

t.test('the raw body is one row, and its reply is binary', async (t) => {
  const command = /^printf '(.*)' \| curl -s localhost:8080(\S+)((?: -H '[^']+')+) --data-binary @-/m;
  const [, bytes, url, options] = command.exec(text) as unknown as string[];
  const request = { method: 'POST' as const, url, headers: headersOf(options), payload: octal(bytes) };
  const { headers, rawPayload } = await service.app.inject(request);
  const { outputs } = decode(rawPayload, Number(headers['inference-header-content-length']));
  t.same(
    Object.values(outputs).map(({ shape }) => shape),
    [[1, 3], [1]],
  );
  t.ok(outputs.samples.numbers instanceof Float32Array && outputs.indices.numbers instanceof Int32Array);
});

t.test('the document names every tensor and parameter, and the versions of the clients', async (t) => {
  await service.app.ready();
  const document = (await service.app.inject('/openapi.json')).json();
  for (const name of Object.keys(document.components.schemas.InferParameters.properties))
    t.ok(text.includes(`\n| \`${name}\` |`), name);
  for (const model of ['gumbel_softmax', 'gumbel_softmax_vjp', 'gumbel_softmax_log_prob']) {
    const { inputs, outputs } = (await service.app.inject(`/v2/models/${model}`)).json();
    for (const { name } of [...inputs, ...outputs]) t.ok(text.includes(`\n| \`${name}\` |`), name);
  }
  const { python, exchanges } = JSON.parse(read('test/fixtures/clients.json'));
  t.ok(text.includes(`on Python ${python}`), python);
  for (const { client, version } of exchanges) {
    const named = new RegExp(`^- ${client.split(/[. ]/)[0]}\\S* ${version}: `, 'm');
    t.ok(named.test(text), `${client} ${version}`);
  }
});
