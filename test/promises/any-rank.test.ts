/**
 * Logits of any rank: leading axes are flattened row-major to rows, and the reply has them back. A request with leading
 * axes gets, bit for bit, what the request with its rows in one list gets, in JSON and in the Open Inference Protocol.
 */
import fc from 'fast-check';
import t from 'tap';
import { decode, encode, type Tensor } from '../support/inference.js';
import { flat, nest, shapeOf } from '../support/nested.js';
import { startService } from '../support/service.js';

const service = await startService();
t.teardown(service.close);

const outputs = ['samples', 'indices', 'log_samples', 'log_prob', 'noise'] as const;
const perDraw: readonly string[] = ['indices', 'log_prob'];

/** Leading axes of at most 24 rows, at every rank of logits from 1 to 8. */
const anyLeading = fc
  .integer({ min: 0, max: 7 })
  .chain((rank) => fc.array(fc.constantFrom(1, 1, 2, 3), { minLength: rank, maxLength: rank }))
  .filter((shape) => productOf(shape) <= 24);

function productOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** How a field has its values: one for all rows, a flat list, or a list in the leading shape of logits. */
const anyForm = fc.constantFrom('one', 'flat', 'leading');

const anyDraw = fc
  .record({
    leading: anyLeading,
    categories: fc.integer({ min: 1, max: 5 }),
    forms: fc.record({ temperature: anyForm, hard: anyForm, seed: anyForm }),
    numSamples: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    noise: fc.constantFrom('gumbel', 'gumbel', 'none'),
    topK: fc.boolean(),
    numbers: fc.infiniteStream(fc.double({ min: -9, max: 9, noNaN: true })),
    masks: fc.infiniteStream(fc.constantFrom(false, false, false, true)),
    temperatures: fc.infiniteStream(fc.constantFrom(0.1, 0.5, 1, 3)),
    flags: fc.infiniteStream(fc.boolean()),
    seeds: fc.infiniteStream(fc.oneof(fc.maxSafeNat(), fc.bigInt(0n, 2n ** 64n - 1n).map(String))),
  })
  .map(({ leading, categories, forms, numSamples, noise, topK, ...streams }) => {
    const rows = productOf(leading);
    const take = <Value>(stream: Iterator<Value>, count: number) =>
      Array.from({ length: count }, () => stream.next().value as Value);
    const masks = take(streams.masks, rows * categories);
    // The first category is never masked, so that no row is.
    const logits = take(streams.numbers, rows * categories).map((logit, index) =>
      masks[index] && index % categories > 0 ? null : Math.fround(logit),
    );
    const values = {
      temperature: take(streams.temperatures, rows),
      hard: take(streams.flags, rows),
      seed: take(streams.seeds, rows),
    };
    const shape = [...leading, categories];
    const cotangents = take(streams.numbers, (numSamples ?? 1) * rows * categories).map(Math.fround);
    return { leading, categories, rows, shape, forms, numSamples, noise, topK, logits, values, cotangents };
  });

type AnyDraw = typeof anyDraw extends fc.Arbitrary<infer Value> ? Value : never;

/** A field in its form; leading axes only if `shape` has any. */
function inForm(form: string, values: readonly unknown[], shape: readonly number[]): unknown {
  if (form === 'one') return values[0];
  return form === 'flat' || shape.length === 0 ? [...values] : nest(values, shape);
}

type Body = Readonly<Record<string, unknown>>;

/** The draw with its leading axes, and with its rows in one list. */
function bodiesOf(draw: AnyDraw): { shaped: Body; rows: Body } {
  const { leading, categories, rows, shape, forms, numSamples, noise, logits, values } = draw;
  const common = { noise, ...(numSamples !== undefined && { num_samples: numSamples }) };
  const fieldsIn = (axes: readonly number[]) =>
    Object.fromEntries(
      (['temperature', 'hard', 'seed'] as const).map((name) => [name, inForm(forms[name], values[name], axes)]),
    );
  return {
    shaped: { logits: nest(logits, shape), ...fieldsIn(leading), ...common },
    rows: { logits: nest(logits, [rows, categories]), ...fieldsIn([rows]), ...common },
  };
}

/** Throws unless `shaped` has the shape, and the numbers of `rows`, each in the same digits. */
function compare(name: string, shaped: unknown, rows: unknown, shape: readonly number[]): void {
  const [own, others] = [flat(shaped), flat(rows)].map((numbers) => JSON.stringify(numbers));
  if (own !== others) throw new Error(`${name} is ${own}, not ${others}`);
  if (String(shapeOf(shaped)) !== String(shape))
    throw new Error(`${name} has the shape ${shapeOf(shaped)}, not ${shape}`);
}

async function drawn(url: string, body: object): Promise<Record<string, unknown>> {
  const { status, reply, text } = await service.post(url, body);
  if (status !== 200) throw new Error(`${status} ${text}`);
  return reply as unknown as Record<string, unknown>;
}

t.test('POST /sample gives the draw of its rows, in the shape of its logits', async (t) => {
  const ranks = new Set<number>();
  const property = fc.asyncProperty(anyDraw, async (draw) => {
    const { shaped, rows } = bodiesOf(draw);
    const wanted = { return: outputs, ...(draw.topK && { top_k: 1 }) };
    const [own, other] = [
      await drawn('/sample', { ...shaped, ...wanted }),
      await drawn('/sample', { ...rows, ...wanted }),
    ];
    ranks.add(draw.shape.length);
    const axes = [...(draw.numSamples === undefined ? [] : [draw.numSamples]), ...draw.leading];
    for (const name of outputs) {
      compare(name, own[name], other[name], perDraw.includes(name) ? axes : [...axes, draw.categories]);
    }
    if (draw.topK) compare('top_indices', own.top_indices, other.top_indices, [...axes, 1]);
    // The reply repeats them in the form in which they came.
    for (const name of ['hard', 'seed', 'temperature'] as const) {
      const given = JSON.stringify(shaped[name]);
      const back = JSON.stringify(own[name]);
      const same = name === 'temperature' ? JSON.stringify(roundedLike(shaped, own)) === back : given === back;
      if (!same) throw new Error(`${name} came back as ${back}, not ${given}`);
    }
  });
  await fc.assert(property, { seed: 22, numRuns: 300 });
  t.same([...ranks].sort(), [1, 2, 3, 4, 5, 6, 7, 8]);
});

/** The temperature of a request as the reply prints it: the shortest digits of its float32. */
function roundedLike({ temperature: given }: Body, reply: Record<string, unknown>): unknown {
  const printed = new Map(flat(reply.temperature).map((value) => [Math.fround(value as number), value]));
  return nest(
    flat(given).map((value) => printed.get(Math.fround(value as number))),
    shapeOf(given),
  );
}

t.test('POST /sample/vjp gives the gradients of its rows, in the shape of its logits', async (t) => {
  const property = fc.asyncProperty(anyDraw, async (draw) => {
    const { shaped, rows } = bodiesOf(draw);
    const { leading, categories, cotangents, numSamples } = draw;
    const samples = numSamples === undefined ? [] : [numSamples];
    const [own, other] = [
      await drawn('/sample/vjp', { ...shaped, cotangent: nest(cotangents, [...samples, ...leading, categories]) }),
      await drawn('/sample/vjp', { ...rows, cotangent: nest(cotangents, [...samples, draw.rows, categories]) }),
    ];
    compare('grad_logits', own.grad_logits, other.grad_logits, draw.shape);
    compare('grad_temperature', own.grad_temperature, other.grad_temperature, shapeOf(own.temperature));
    if (JSON.stringify(own.hard) !== JSON.stringify(shaped.hard)) throw new Error(`hard came back as ${own.hard}`);
  });
  await fc.assert(property, { seed: 22, numRuns: 150 });
  t.pass('150 draws');
});

t.test('POST /log-prob gives the densities of its rows, in the leading shape of its logits', async (t) => {
  const property = fc.asyncProperty(anyDraw, async (draw) => {
    const { shaped, rows } = bodiesOf({ ...draw, noise: 'gumbel', numSamples: undefined });
    const { log_samples } = await drawn('/sample', { ...shaped, return: ['log_samples'] });
    const pointsOf = (body: Body) => ({ logits: body.logits, temperature: body.temperature });
    const [own, other] = [
      await drawn('/log-prob', { ...pointsOf(shaped), log_samples }),
      await drawn('/log-prob', {
        ...pointsOf(rows),
        log_samples: nest(flat(log_samples), [draw.rows, draw.categories]),
      }),
    ];
    compare('log_prob', own.log_prob, other.log_prob, draw.leading);
  });
  await fc.assert(property, { seed: 22, numRuns: 150 });
  t.pass('150 draws');
});

const inputs = ['logits', 'temperature', 'hard', 'seed', 'cotangent'] as const;

/** The tensors of a draw: logits of the given leading axes, and the others in their forms. */
function tensorsOf(draw: AnyDraw, leading: readonly number[], binary: readonly boolean[], model: string): Tensor[] {
  const { forms, logits, values, categories, cotangents, numSamples } = draw;
  const entries = { temperature: values.temperature, hard: values.hard.map(Number), seed: values.seed.map(Number) };
  const datatypes = { temperature: 'FP32', hard: 'BOOL', seed: 'UINT64' } as const;
  const lists = (['temperature', 'hard', 'seed'] as const).map((name, at): Tensor => {
    const isOne = forms[name] === 'one';
    // Above 2^53 JSON has no seeds, and binary tensors of the same draw should have the same.
    const all = name === 'seed' ? entries.seed.map((seed) => seed % 2 ** 53) : entries[name];
    return {
      name,
      datatype: datatypes[name],
      shape: isOne ? [1] : forms[name] === 'flat' || leading.length === 0 ? [draw.rows] : leading,
      values: isOne ? all.slice(0, 1) : all,
      binary: binary[at] as boolean,
    };
  });
  const shaped: Tensor = {
    name: 'logits',
    datatype: 'FP32',
    shape: [...leading, categories],
    values: logits.map((logit) => logit ?? -Infinity),
    binary: binary[3] as boolean,
  };
  if (model === 'gumbel_softmax') return [shaped, ...lists];
  const samples = numSamples === undefined ? [] : [numSamples];
  const cotangent = { ...shaped, name: 'cotangent', shape: [...samples, ...shaped.shape], values: cotangents };
  return [shaped, ...lists, cotangent];
}

async function infer(model: string, tensors: readonly Tensor[], draw: AnyDraw, names: readonly string[]) {
  const { numSamples, noise, topK } = draw;
  const parameters = {
    noise,
    ...(numSamples !== undefined && { num_samples: numSamples }),
    ...(topK && model === 'gumbel_softmax' && { top_k: 1 }),
  };
  const wanted = [...names, ...(parameters.top_k ? ['top_indices'] : [])];
  const { payload, headers } = encode({ inputs: tensors, parameters, outputs: wanted.map((name) => ({ name })) });
  const response = await service.app.inject({ method: 'POST', url: `/v2/models/${model}/infer`, payload, headers });
  if (response.statusCode !== 200) throw new Error(`${response.statusCode} ${response.body}`);
  return decode(response.rawPayload).outputs;
}

t.test('the models give what they give for the rows, in the shape of the logits, in JSON and in bytes', async (t) => {
  const binary = fc.array(fc.boolean(), { minLength: inputs.length, maxLength: inputs.length });
  for (const [model, names] of [
    ['gumbel_softmax', outputs],
    ['gumbel_softmax_vjp', ['grad_logits', 'grad_temperature']],
  ] as const) {
    const property = fc.asyncProperty(anyDraw, binary, async (draw, chosen) => {
      const { leading, rows, categories, numSamples, forms } = draw;
      const own = await infer(model, tensorsOf(draw, leading, chosen, model), draw, names);
      const other = await infer(model, tensorsOf(draw, [rows], chosen, model), draw, names);
      const axes = [...(numSamples === undefined ? [] : [numSamples]), ...leading];
      const temperature = forms.temperature === 'leading' && leading.length > 0 ? leading : [rows];
      const shapes: Record<string, readonly number[]> = {
        indices: axes,
        log_prob: axes,
        top_indices: [...axes, 1],
        grad_logits: draw.shape,
        grad_temperature: forms.temperature === 'one' ? [1] : temperature,
      };
      for (const [name, { numbers, shape }] of Object.entries(own)) {
        const bytes = (view: ArrayBufferView) => Buffer.from(view.buffer, view.byteOffset, view.byteLength);
        if (!bytes(numbers).equals(bytes(other[name]?.numbers as Float32Array))) throw new Error(`${name} differs`);
        const expected = shapes[name] ?? [...axes, categories];
        if (String(shape) !== String(expected)) throw new Error(`${name} has the shape ${shape}, not ${expected}`);
      }
    });
    await fc.assert(property, { seed: 22, numRuns: 150 });
  }
  t.pass('150 draws of each model');
});

t.test('rows that are hard or soft one by one equal those of requests that are all one or the other', async (t) => {
  const property = fc.asyncProperty(anyDraw, fc.subarray([...outputs], { minLength: 1 }), async (draw, names) => {
    const { shaped } = bodiesOf({ ...draw, forms: { ...draw.forms, seed: 'flat' } });
    const ask = (hard: unknown) => drawn('/sample', { ...shaped, hard, return: names });
    const mixed = await ask(nest(draw.values.hard, draw.leading.length === 0 ? [1] : draw.leading));
    const [soft, hard] = [await ask(false), await ask(true)];
    for (const name of outputs) {
      if (!names.includes(name)) {
        if (name in mixed) throw new Error(`${name} was not asked for`);
        continue;
      }
      const width = perDraw.includes(name) ? 1 : draw.categories;
      const [own, ofSoft, ofHard] = [flat(mixed[name]), flat(soft[name]), flat(hard[name])];
      const expected = own.map((_, at) =>
        draw.values.hard[Math.floor(at / width) % draw.rows] ? ofHard[at] : ofSoft[at],
      );
      if (JSON.stringify(own) !== JSON.stringify(expected)) throw new Error(`${name}: ${own} instead of ${expected}`);
    }
  });
  await fc.assert(property, { seed: 22, numRuns: 200 });
  t.pass('200 draws');
});

t.test('a large draw of mixed rows is made one-hot in several turns, with the same bits', async (t) => {
  const [rows, categories] = [64, 400];
  const logits = nest(
    Array.from({ length: rows * categories }, (_, index) => Math.sin(index)),
    [8, 8, categories],
  );
  const flags = Array.from({ length: rows }, (_, row) => row % 3 === 0);
  const ask = (hard: unknown) => drawn('/sample', { logits, seed: 5, num_samples: 60, hard, return: ['samples'] });
  const [mixed, soft, hard] = [await ask(nest(flags, [8, 8])), await ask(false), await ask(true)];
  const rowsOf = ({ samples }: Record<string, unknown>) => (samples as unknown[]).flat(2);
  t.same(
    rowsOf(mixed),
    rowsOf(soft).map((row, draw) => (flags[draw % rows] ? rowsOf(hard)[draw] : row)),
  );
});

t.test('a categorical VAE sends [batch, variables, K]: each variable has the draw of its row number', async (t) => {
  const shape = [4, 3, 5];
  const logits = nest(
    Array.from({ length: 60 }, (_, index) => Math.fround(2 * Math.cos(index))),
    shape,
  ) as number[][][];
  const { samples, indices, temperature } = await drawn('/sample', { logits, temperature: 0.7, seed: 99 });
  t.same([shapeOf(samples), shapeOf(indices), temperature], [shape, [4, 3], 0.7]);
  for (const [example, variables] of logits.entries()) {
    for (const [variable, row] of variables.entries()) {
      const row_offset = 3 * example + variable;
      const alone = await drawn('/sample', { logits: row, temperature: 0.7, seed: 99, row_offset });
      t.same((samples as number[][][])[example]?.[variable], alone.samples);
      t.equal((indices as number[][])[example]?.[variable], alone.indices);
    }
  }
});
