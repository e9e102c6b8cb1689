/**
 * Inference requests at random: whichever tensors travel as bytes and whichever as JSON, the answer is the same; and
 * whatever is done to the bytes of a legal request, it gets a 4xx or an answer.
 */
import fc from 'fast-check';
import t from 'tap';
import { catalogue } from '../../src/errors.js';
import { decode, encode, type Inference, type Output, type Payload, type Tensor } from '../support/inference.js';
import { startService } from '../support/service.js';

// Small enough that no mutated shape or number of samples makes a draw of more than a moment.
const service = await startService({ ELEMENTS_DRAWN_MAX: '100000', BINARY_BODY_BYTES_MAX: '100000' });
t.teardown(service.close);

const url = '/v2/models/gumbel_softmax/infer';
const outputNames = ['samples', 'indices', 'log_samples', 'log_prob', 'noise', 'index_log_prob'];
const topOutputNames = ['top_indices', 'top_scores', 'top_threshold', 'top_log_prob'];

async function post({ payload, headers }: Payload) {
  const response = await service.app.inject({ method: 'POST', url, payload, headers });
  const jsonLength = response.headers['inference-header-content-length'];
  return {
    status: response.statusCode,
    body: response.rawPayload,
    jsonLength: jsonLength === undefined ? response.rawPayload.length : Number(jsonLength),
  };
}

/** A legal request without its split into bytes and JSON; logits are float32, so that FP32 and FP64 say the same. */
const anyInference = fc
  .record({
    rows: fc.integer({ min: 1, max: 5 }),
    categories: fc.constantFrom(1, 2, 3, 7, 16, 33),
    logits: fc.array(fc.float({ min: -50, max: 50, noNaN: true }), { minLength: 165, maxLength: 165 }),
    masks: fc.array(fc.boolean(), { minLength: 165, maxLength: 165 }),
    datatype: fc.constantFrom('FP32' as const, 'FP64' as const),
    temperatures: fc.array(fc.constantFrom(0.1, 0.5, 1, 7), { minLength: 5, maxLength: 5 }),
    seeds: fc.array(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), { minLength: 5, maxLength: 5 }),
    flags: fc.array(fc.constantFrom(0, 1), { minLength: 5, maxLength: 5 }),
    perRow: fc.record({ temperature: fc.boolean(), seed: fc.boolean(), hard: fc.boolean() }),
    samples: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    outputs: fc.shuffledSubarray(outputNames, { minLength: 1 }),
    top: fc.subarray(topOutputNames),
  })
  .map(({ rows, categories, logits, masks, datatype, temperatures, seeds, flags, perRow, samples, outputs, top }) => {
    const values = logits
      .slice(0, rows * categories)
      .map((value, at) => (masks[at] && at % categories > 0 ? -Infinity : Math.fround(value)));
    const ofRows = (each: boolean) => (each ? rows : 1);
    const counts = { temperature: ofRows(perRow.temperature), seed: ofRows(perRow.seed), hard: ofRows(perRow.hard) };
    const tensors: Omit<Tensor, 'binary'>[] = [
      { name: 'logits', datatype, shape: [rows, categories], values },
      {
        name: 'temperature',
        datatype: 'FP32',
        shape: [counts.temperature],
        values: temperatures.slice(0, counts.temperature),
      },
      { name: 'seed', datatype: 'INT64', shape: [counts.seed], values: seeds.slice(0, counts.seed) },
      { name: 'hard', datatype: 'BOOL', shape: [counts.hard], values: flags.slice(0, counts.hard) },
    ];
    // Category 0 is never masked, so one can be drawn.
    const parameters = {
      ...(samples === undefined ? {} : { num_samples: samples }),
      ...(top.length > 0 && { top_k: 1 }),
    };
    return { tensors, parameters, outputs: [...outputs, ...top] };
  });

/** Which inputs and outputs travel as bytes. */
const anySplit = fc.record({
  inputs: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
  outputs: fc.array(fc.boolean(), { minLength: 10, maxLength: 10 }),
});

type Legal = typeof anyInference extends fc.Arbitrary<infer Value> ? Value : never;
type Split = typeof anySplit extends fc.Arbitrary<infer Value> ? Value : never;

function split({ tensors, parameters, outputs }: Legal, { inputs, outputs: binary }: Split): Inference {
  return {
    parameters,
    inputs: tensors.map((tensor, at) => ({ ...tensor, binary: inputs[at] })),
    outputs: outputs.map((name, at) => ({ name, parameters: { binary_data: binary[at] } })),
  };
}

function bytesOf({ numbers }: Output): Buffer {
  return Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

t.test('any split of JSON and binary tensors gives the same answer, bit for bit', async (t) => {
  const none: Split = { inputs: Array(4).fill(false), outputs: Array(10).fill(false) };
  const property = fc.asyncProperty(anyInference, anySplit, async (legal, chosen) => {
    const plain = await post(encode(split(legal, none)));
    const mixed = await post(encode(split(legal, chosen)));
    t.same([plain.status, mixed.status], [200, 200], `${plain.status === 200 ? '' : plain.body}`);
    const expected = decode(plain.body, plain.jsonLength).outputs;
    const actual = decode(mixed.body, mixed.jsonLength).outputs;
    for (const name of legal.outputs) {
      t.same(actual[name]?.shape, expected[name]?.shape);
      t.ok(bytesOf(actual[name]).equals(bytesOf(expected[name])), name);
    }
  });
  await fc.assert(property, { seed: 20_261_125, numRuns: 200 });
});

/** A change of the bytes or of the header that says where the JSON ends. */
type Mutation = (payload: Payload) => Payload;

const headerName = 'inference-header-content-length';

const anyMutation: fc.Arbitrary<Mutation> = fc.oneof(
  // Bytes changed, cut out, put in.
  fc.record({ at: fc.nat(), byte: fc.nat(255) }).map(
    ({ at, byte }): Mutation =>
      ({ payload, headers }) => {
        const changed = Buffer.from(payload);
        changed[at % changed.length] = byte;
        return { payload: changed, headers };
      },
  ),
  fc.record({ at: fc.nat(), count: fc.integer({ min: 1, max: 40 }) }).map(
    ({ at, count }): Mutation =>
      ({ payload, headers }) => {
        const from = at % (payload.length + 1);
        return { payload: Buffer.concat([payload.subarray(0, from), payload.subarray(from + count)]), headers };
      },
  ),
  fc.record({ at: fc.nat(), bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }) }).map(
    ({ at, bytes }): Mutation =>
      ({ payload, headers }) => {
        const from = at % (payload.length + 1);
        return { payload: Buffer.concat([payload.subarray(0, from), bytes, payload.subarray(from)]), headers };
      },
  ),
  // Numbers of the JSON replaced: sizes, shapes, parameters.
  fc
    .record({
      at: fc.nat(),
      number: fc.constantFrom('0', '-1', '1', '3', '1e9', '9007199254740991', '1e400', 'null', '[]', '""'),
    })
    .map(
      ({ at, number }): Mutation =>
        ({ payload, headers }) => {
          const end = Number(headers[headerName]);
          const text = payload.toString('utf8', 0, end);
          const numbers = [...text.matchAll(/\d+/g)];
          const chosen = numbers[at % numbers.length];
          if (!chosen) return { payload, headers };
          const { index, 0: old } = chosen;
          const json = Buffer.from(text.slice(0, index) + number + text.slice(index + old.length));
          return {
            payload: Buffer.concat([json, payload.subarray(end)]),
            headers: { [headerName]: String(json.length) },
          };
        },
    ),
  // The header itself.
  fc.oneof(fc.nat(2000).map(String), fc.constantFrom('-1', '', '1.5', '0x10', '1e3', '99999999999999999999', 'x')).map(
    (length): Mutation =>
      ({ payload }) => ({ payload, headers: { [headerName]: length } }),
  ),
  fc.constant<Mutation>(({ payload }) => ({ payload, headers: {} })),
);

t.test('any mutation of a binary request gets a 4xx of the catalogue or an answer', async (t) => {
  const all: Split = { inputs: [true, true, true, true], outputs: Array(10).fill(true) };
  const codes = new Map<string, number>();
  const property = fc.asyncProperty(
    anyInference,
    fc.array(anyMutation, { minLength: 1, maxLength: 2 }),
    async (legal, mutations) => {
      let payload = encode(split(legal, all));
      for (const mutation of mutations) payload = mutation(payload);
      const { status, body, jsonLength } = await post(payload);
      if (status === 200) {
        decode(body, jsonLength);
        codes.set('answered', (codes.get('answered') ?? 0) + 1);
        return;
      }
      const { code, error } = JSON.parse(body.toString()) as { code: keyof typeof catalogue; error: string };
      codes.set(code, (codes.get(code) ?? 0) + 1);
      if (!(status >= 400 && status < 500 && catalogue[code].status === status && body.length <= 4096)) {
        throw new Error(`${status} ${body.length} ${error}`);
      }
    },
  );
  await fc.assert(property, { seed: 20_261_125, numRuns: 3000 });
  // The mutations reach what they are meant to reach.
  for (const code of [
    'answered',
    'malformed-json',
    'malformed-binary',
    'shape-size-mismatch',
    'validation',
    'non-finite-logits',
  ]) {
    t.ok((codes.get(code) ?? 0) > 0, `${code}: ${codes.get(code)}`);
  }
});
