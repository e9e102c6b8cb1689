/** How bodies of inferences arrive: media types, chunks, lengths that lie, sizes above the limits. Real sockets. */
import { connect } from 'node:net';
import t from 'tap';
import { bytesOf, decode, encode, type Payload } from '../support/inference.js';
import { startService } from '../support/service.js';

const service = await startService({ JSON_BODY_BYTES_MAX: '5000', BINARY_BODY_BYTES_MAX: '2000000' });
t.teardown(service.close);
const { app } = service;
await app.listen({ port: 0, host: '127.0.0.1' });
const { port } = app.server.address() as { port: number };
const url = '/v2/models/gumbel_softmax/infer';

const logits = { name: 'logits', datatype: 'FP32', shape: [1, 3], values: [1, 0.5, -1] } as const;
const json = encode({ inputs: [{ ...logits, binary: false }], parameters: { seed: 1 } });
const binary = encode({ inputs: [{ ...logits, binary: true }], parameters: { seed: 1 } });

async function post({ payload, headers }: Payload) {
  const response = await app.inject({ method: 'POST', url, payload, headers });
  return { status: response.statusCode, code: response.json().code, text: response.body };
}

/** Sends bytes on a socket, ends its side if asked to, and gives back all that comes until the server closes. */
function raw(bytes: Buffer | string, end = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => (end ? socket.end(bytes) : socket.write(bytes)));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
    socket.on('error', reject);
  });
}

function head(headers: Record<string, string | number>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines.join('')}\r\n`;
}

t.test('JSON and binary are read whatever of the protocol’s media types says so, or none', async (t) => {
  for (const { payload, headers } of [json, binary]) {
    const { 'content-type': _, ...bare } = headers;
    for (const type of [undefined, 'application/json', 'application/json; charset=utf-8', 'application/octet-stream']) {
      const sent = { payload, headers: { ...bare, ...(type ? { 'content-type': type } : {}) } };
      t.equal((await post(sent)).status, 200, String(type));
    }
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1']) {
      t.match(await post({ payload, headers: { ...bare, 'content-type': type } }), {
        status: 415,
        code: 'unsupported-media-type',
      });
    }
    const encoded = { payload, headers: { ...bare, 'content-encoding': 'gzip' } };
    t.match(await post(encoded), { status: 415, code: 'unsupported-media-type' });
  }
});

t.test('a header length that does not fit is refused', async (t) => {
  const { payload } = binary;
  const length = Number(binary.headers['inference-header-content-length']);
  for (const [header, code] of [
    [String(payload.length + 1), 'malformed-binary'],
    ['-1', 'malformed-binary'],
    ['1e2', 'malformed-binary'],
    ['9'.repeat(20), 'malformed-binary'],
    [String(length - 1), 'malformed-json'],
    [String(length + 1), 'malformed-json'],
  ] as const) {
    t.match(
      await post({ payload, headers: { 'inference-header-content-length': header } }),
      { status: 400, code },
      header,
    );
  }
  t.match(
    await post({ payload, headers: {} }),
    { status: 400, code: 'malformed-json' },
    'bytes behind JSON without the header',
  );
});

t.test('tensors that take more or fewer bytes than there are, are refused', async (t) => {
  const headers = binary.headers;
  const longer = Buffer.concat([binary.payload, Buffer.alloc(1)]);
  t.match(await post({ payload: longer, headers }), { status: 400, code: 'malformed-binary' });
  t.match(await post({ payload: binary.payload.subarray(0, -1), headers }), { status: 400, code: 'malformed-binary' });
  const size = Buffer.from(
    binary.payload.toString('latin1').replace('"binary_data_size":12', '"binary_data_size":11'),
    'latin1',
  );
  t.match(await post({ payload: size.subarray(0, -1), headers }), { status: 400, code: 'shape-size-mismatch' });
});

t.test('an empty body is malformed JSON', async (t) => {
  t.match(await post({ payload: Buffer.alloc(0), headers: {} }), { status: 400, code: 'malformed-json' });
  t.match(await raw(head({ 'Content-Length': 0 })), /^HTTP\/1\.1 400 .*"code":"malformed-json"/s);
  t.match(
    await raw(`${head({ 'Transfer-Encoding': 'chunked' })}0\r\n\r\n`),
    /^HTTP\/1\.1 400 .*"code":"malformed-json"/s,
  );
});

t.test('a body above its limit is refused by its length, or once it has come that far', async (t) => {
  const large = Buffer.alloc(6000, ' ');
  t.match(await post({ payload: large, headers: {} }), { status: 413, code: 'body-too-large' });
  t.match(
    await post({ payload: large, headers: { 'inference-header-content-length': '5001' } }),
    { status: 413, code: 'body-too-large' },
    'the JSON before tensors has the limit of JSON',
  );
  const declared = head({ 'Content-Length': 2_000_001, 'Inference-Header-Content-Length': 10 });
  t.match(await raw(declared), /^HTTP\/1\.1 413 .*"code":"body-too-large"/s, 'no byte of the body is waited for');
  const chunk = `${(1000).toString(16)}\r\n${' '.repeat(1000)}\r\n`;
  const chunked = head({ 'Transfer-Encoding': 'chunked' }) + chunk.repeat(6);
  t.match(await raw(chunked), /^HTTP\/1\.1 413 .*"code":"body-too-large"/s, 'nor is the end of a chunked one');
});

t.test('a content length that lies hurts nobody else', async (t) => {
  const { payload, headers } = binary;
  const short = Buffer.concat([
    Buffer.from(head({ ...headers, 'Content-Length': payload.length - 1 }).replace('Connection: close\r\n', '')),
    payload,
  ]);
  t.match(
    await raw(short, true),
    /^HTTP\/1\.1 400 .*"code":"malformed-binary"|bad-request/s,
    'the byte too many begins no request',
  );
  const long = Buffer.concat([Buffer.from(head({ ...headers, 'Content-Length': payload.length + 1 })), payload]);
  t.notMatch(await raw(long, true), /^HTTP\/1\.1 200/, 'a body that ends early is never answered as if it were whole');
  t.equal((await post(binary)).status, 200);
});

t.test('chunks of any size make the same request', async (t) => {
  const { payload, headers } = binary;
  const whole = await app.inject({ method: 'POST', url, payload, headers });
  const bytes: Buffer[] = [Buffer.from(head({ ...headers, 'Transfer-Encoding': 'chunked' }))];
  for (const byte of payload) bytes.push(Buffer.from('1\r\n'), Buffer.of(byte), Buffer.from('\r\n'));
  const reply = await raw(Buffer.concat([...bytes, Buffer.from('0\r\n\r\n')]));
  t.match(reply, /^HTTP\/1\.1 200 /);
  t.ok(reply.endsWith(whole.body), 'and the same reply');
});

t.test('fifteen thousand small chunks are read, and other requests are answered meanwhile', async (t) => {
  const tensor = {
    name: 'logits',
    datatype: 'FP32',
    shape: [1, 250_000],
    values: Array(250_000).fill(1),
    binary: true,
  } as const;
  const { payload, headers } = encode({ inputs: [tensor], parameters: { seed: 1 }, outputs: [{ name: 'indices' }] });
  // Twice as large as the smallest that are always taken, since a read may end in any of them.
  const chunks: Buffer[] = [];
  for (let at = 0; at < payload.length; at += 64) {
    const piece = payload.subarray(at, at + 64);
    chunks.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
  }
  let answered = false;
  const reply = new Promise<string>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.write(
      Buffer.concat([
        Buffer.from(head({ ...headers, 'Transfer-Encoding': 'chunked' })),
        ...chunks,
        Buffer.from('0\r\n\r\n'),
      ]),
    );
    socket.on('data', (data) => {
      answered = true;
      resolve(data.toString('latin1'));
    });
    socket.on('error', reject);
  });
  // Each of these takes turns of the event loop between the chunks.
  let meanwhile = 0;
  while (!answered) {
    const probe = await raw('GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    t.match(probe, /^HTTP\/1\.1 200/);
    if (!answered) meanwhile += 1;
  }
  t.ok(meanwhile > 0, `${meanwhile} probes were answered before the request`);
  const text = await reply;
  t.match(text, /^HTTP\/1\.1 200 /);
  const direct = await app.inject({ method: 'POST', url, payload, headers });
  t.same(decode(Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4))).outputs, decode(direct.rawPayload).outputs);
});

t.test('tensors that begin at odd places are read as well as aligned ones', async (t) => {
  const flag = { name: 'hard', datatype: 'BOOL', shape: [1], values: [0], binary: true } as const;
  const aligned = await app.inject({ method: 'POST', url, ...binary });
  const odd = encode({ inputs: [flag, { ...logits, binary: true }], parameters: { seed: 1 } });
  t.ok(odd.payload.subarray(-12).equals(bytesOf(logits)));
  const response = await app.inject({ method: 'POST', url, ...odd });
  t.same(decode(response.rawPayload).outputs, decode(aligned.rawPayload).outputs);
});
