/**
 * `npm run verify:provider -- --provider=cuda`: proves on this machine that a provider draws what the CPU draws, lists
 * where its nodes run, measures it beside the CPU, and prints one table. Exit codes: 0 equal, 1 something differs, 78
 * it cannot be used here.
 */
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { normalLogits, parseShape, type Shape, shapeName } from '../bench/bodies.js';
import { table } from '../bench/results.js';
import { median } from '../bench/statistics.js';
import { settleMemory } from '../src/runtime/memory-settings.js';
import { type Job, noneGiven, type SampleJob } from '../src/sampler/job.js';
import { type Provider, ProviderError, providers } from '../src/sampler/onnx/provider.js';
import type { OutputName } from '../src/sampler/outputs.js';
import { pack } from '../src/sampler/queue/pack.js';
import { createSampler, type Sampler } from '../src/sampler/sampler.js';
import { openDrawer } from '../src/sampler/worker/drawer.js';
import { drawKnownRows, knownRowErrorMax } from './known-rows.js';
import { placementOf } from './node-placement.js';
import { anyJob, differenceMax, differences, wrongOutputs } from './provider-equality.js';

const help = `npm run verify:provider -- --provider=cuda [options]

  --provider <name>  ${providers.join(', ')}
  --requests <n>     random requests to compare    (default 500)
  --shapes <list>    rows x categories to measure  (default 64x10,1024x64,64x1000,32x50257)
  --seconds <s>      of each measurement           (default 1)
  --help`;

const exitCodes = { differs: 1, unusable: 78 } as const;

type Row = [what: string, result: string, verdict: string];

interface Checked {
  requests: number;
  wrong: number;
  largest: number;
  readonly differenceMax: number;
}

const settings = {
  workers: 1,
  categoriesMax: 60_000,
  elementsDrawnMax: 2 ** 40,
  batchElementsMax: 2 ** 18,
  gpuBatchElementsMax: 2 ** 20,
  queueElementsMax: 1e9,
  watchdogMs: 600_000,
  onStuck: () => {
    throw new Error('A worker is stuck.');
  },
  queueRequestsMax: 1e5,
  onWorkerLost: (error: Error) => {
    throw error;
  },
};

async function compare(provider: Provider, requests: number): Promise<{ device: string; rows: Row[] }> {
  const other = await createSampler({ ...settings, provider });
  const cpu = await createSampler({ ...settings, provider: 'cpu' });
  try {
    const checked = await compareSamplers(cpu, other, requests);
    return { device: other.device, rows: [...checked].toSorted(([a], [b]) => a.localeCompare(b)).map(equalityRow) };
  } finally {
    await Promise.all([cpu.close(), other.close()]);
  }
}

/**
 * Draws random requests on both, eight at a time so that they share batches, and collects each output's differences.
 */
async function compareSamplers(cpu: Sampler, other: Sampler, requests: number): Promise<Map<string, Checked>> {
  const jobs = fc.sample(anyJob, { numRuns: requests, seed: 20_261_125 });
  const checked = new Map<string, Checked>();
  for (let at = 0; at < jobs.length; at += 8) {
    const some = jobs.slice(at, at + 8);
    const expected = await Promise.all(some.map((job) => cpu.draw(job)));
    const actual = await Promise.all(some.map((job) => other.draw(job)));
    for (const [index, job] of some.entries()) {
      const found = differences(job, expected[index] ?? {}, actual[index] ?? {});
      const wrong = wrongOutputs(job, found);
      for (const name of job.outputs) note(checked, job, name, found[name] as number, wrong.includes(name));
    }
  }
  return checked;
}

function note(checked: Map<string, Checked>, job: Job, name: OutputName, found: number, wrong: boolean): void {
  const kind = job.kind === 'draw' ? (job.hard ? 'hard draw' : 'soft draw') : job.kind;
  const key = `${kind}: ${name}`;
  const sofar = checked.get(key) ?? { requests: 0, wrong: 0, largest: 0, differenceMax: differenceMax(job, name) };
  sofar.requests += 1;
  sofar.wrong += wrong ? 1 : 0;
  sofar.largest = Math.max(sofar.largest, found);
  checked.set(key, sofar);
}

function equalityRow([what, { requests, wrong, largest, differenceMax }]: [string, Checked]): Row {
  const found = largest === 0 ? 'equal bit for bit' : `largest difference ${largest.toExponential(1)}`;
  const verdict = wrong > 0 ? `${wrong} WRONG` : differenceMax === 0 ? 'equal' : `within ${differenceMax}`;
  return [what, `${requests} requests, ${found}`, verdict];
}

async function knownRowsRow(provider: Provider): Promise<Row> {
  const { rows, errorMax } = await drawKnownRows(provider);
  const verdict = errorMax <= knownRowErrorMax ? `within ${knownRowErrorMax}` : 'WRONG';
  return [
    'soft samples and sums of known rows, K to 2^20',
    `${rows} rows, largest error ${errorMax.toExponential(1)}`,
    verdict,
  ];
}

/** The graph is refused at start-up if a node falls. */
async function placementRow(provider: Provider): Promise<Row> {
  const placement = await placementOf(provider);
  const fallen = provider === 'cpu' ? [] : placement.cpu;
  const verdict = fallen.length > 0 ? 'WRONG' : 'complete';
  return ['nodes of the graph that fall to the CPU', fallen.join(', ') || 'none', verdict];
}

function softJob({ rows, categories }: Shape): SampleJob {
  const streams = new Uint32Array(rows * 3);
  for (let row = 0; row < rows; row++) streams.set([42, 0, row], row * 3);
  return {
    kind: 'draw',
    rows,
    categories,
    samples: 1,
    logits: Float32Array.from(normalLogits(rows * categories, 42)),
    temperature: new Float32Array(rows).fill(0.5),
    streams,
    firstSample: 0,
    hard: false,
    gumbel: true,
    topK: 0,
    given: noneGiven,
    outputs: new Set(['samples', 'indices'] as const),
  };
}

/** Median nanoseconds per element of a soft batch as a worker draws it, noise included. */
async function nanoseconds(provider: Provider, shape: Shape, seconds: number): Promise<number> {
  const elements = shape.rows * shape.categories;
  const drawer = await openDrawer({ provider, categoriesMax: shape.categories, batchElementsMax: elements });
  const job = softJob(shape);
  const times: number[] = [];
  // Packed once, as the buffers of batches are used again.
  const batch = pack([{ job, rowStart: 0, rowCount: job.rows, sampleStart: 0, sampleCount: 1 }]);
  const draw = () => drawer.draw(batch);
  await draw();
  const end = performance.now() + seconds * 1000;
  while (times.length < 10 || performance.now() < end) {
    const start = performance.now();
    await draw();
    times.push(((performance.now() - start) * 1e6) / elements);
  }
  return median(times);
}

async function speedRow(provider: Provider, shape: Shape, seconds: number): Promise<Row> {
  const cpu = await nanoseconds('cpu', shape, seconds);
  const own = await nanoseconds(provider, shape, seconds);
  return [
    `soft draws, ${shapeName(shape)}`,
    `${own.toFixed(1)} ns an element, CPU ${cpu.toFixed(1)}`,
    `${(cpu / own).toFixed(2)} x the CPU's speed`,
  ];
}

async function verify(provider: Provider, requests: number, shapes: readonly Shape[], seconds: number): Promise<void> {
  const { device, rows } = await compare(provider, requests);
  rows.push(await knownRowsRow(provider), await placementRow(provider));
  for (const shape of shapes) rows.push(await speedRow(provider, shape, seconds));
  console.log(
    `Provider ${provider} on ${device}, Node.js ${process.version}\n\n${table(['what', 'found', 'verdict'], rows)}`,
  );
  if (rows.some(([, , verdict]) => verdict.includes('WRONG'))) process.exitCode = exitCodes.differs;
}

const { values } = parseArgs({
  options: {
    provider: { type: 'string', default: '' },
    requests: { type: 'string', default: '500' },
    shapes: { type: 'string', default: '64x10,1024x64,64x1000,32x50257' },
    seconds: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
});
const provider = providers.find((name) => name === values.provider);
if (values.help) console.log(help);
else if (!provider) {
  console.error(
    `--provider is ${JSON.stringify(values.provider)}, but must be one of ${providers.join(', ')}\n\n${help}`,
  );
  process.exitCode = exitCodes.unusable;
} else {
  try {
    settleMemory(); // As the service does: without, a batch's buffers are mapped anew each time.
    await verify(provider, Number(values.requests), values.shapes.split(',').map(parseShape), Number(values.seconds));
  } catch (error) {
    if (!ProviderError.is(error)) throw error;
    console.error(error.message);
    process.exitCode = exitCodes.unusable;
  }
}
