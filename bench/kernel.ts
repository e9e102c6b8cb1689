/**
 * `npm run bench:kernel`: nanoseconds per element of the noise, of the graph and of both as a worker runs them, on one
 * thread and in this process, by shape and by what is wanted. Beside them the same draw by torch in process, where a
 * Python with torch is given. Prints Markdown and writes bench/results/kernel.json.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { settleMemory } from '../src/runtime/memory-settings.js';
import { isSearched } from '../src/sampler/index-search.js';
import { type Batch, noneGiven, type SampleJob } from '../src/sampler/job.js';
import { createNoiseKernel } from '../src/sampler/noise/load-kernel.js';
import { openDrawGraphs } from '../src/sampler/onnx/session.js';
import { pack } from '../src/sampler/queue/pack.js';
import { openDrawer } from '../src/sampler/worker/drawer.js';
import { tileElementsMax } from '../src/sampler/worker/tiles.js';
import { normalLogits, parseSamples, type Shape, type Wanted } from './bodies.js';
import { type KernelFigures, type KernelResult, kernelMarkdown, type Nanoseconds } from './kernel-tables.js';
import { describeRun, writeResult } from './results.js';
import { median } from './statistics.js';
import { findPeerPython, peersFolder } from './targets.js';

const help = `npm run bench:kernel -- [options]

  --shapes <list>    rows x categories [x samples]
                     (default 1x10,64x10,64x1000,1024x64,32x50257,1x1000x300)
  --seconds <s>      of each case       (default 2)
  --without-peers    leave the in-process torch loop out
  --help

The torch loop takes part when BENCH_PYTHON, or else python3, can import torch: see bench/peers/README.md.`;

const wantedAll: readonly Wanted[] = ['soft', 'hard', 'indices'];

/** Enough runs for a median even where a single run takes longer than its share of the time. */
const runsMin = 10;

/** A run repeats its work until it takes this long, so that reading the clock costs nothing. */
const runMsMin = 1;

type Work = () => Promise<void> | void;

function makeJob({ rows, categories }: Shape, samples: number, wanted: Wanted): SampleJob {
  const streams = new Uint32Array(rows * 3);
  for (let row = 0; row < rows; row++) streams.set([42, 0, row], row * 3);
  return {
    rows,
    categories,
    samples,
    logits: Float32Array.from(normalLogits(rows * categories, 42)),
    temperature: new Float32Array(rows).fill(0.5),
    streams,
    firstSample: 0,
    hard: wanted === 'hard',
    gumbel: true,
    kind: 'draw',
    topK: 0,
    given: noneGiven,
    outputs: new Set(wanted === 'indices' ? (['indices'] as const) : (['samples', 'indices'] as const)),
  };
}

function packJob(job: SampleJob): Batch {
  return pack([{ job, rowStart: 0, rowCount: job.rows, sampleStart: 0, sampleCount: job.samples }]);
}

/**
 * The three pieces of work, on buffers of one tile. Tiles are not cut at whole samples, as the drawer's are; that costs
 * nothing.
 */
async function makeWorks(job: SampleJob, wanted: Wanted): Promise<{ works: Work[]; close: () => Promise<void> }> {
  const { rows, categories } = job;
  const draws = rows * job.samples;
  const tileDraws = Math.max(1, Math.floor(tileElementsMax / categories));
  const kernel = createNoiseKernel(Math.max(tileElementsMax, categories));
  const graphs = await openDrawGraphs('cpu');
  const drawer = await openDrawer({ provider: 'cpu', categoriesMax: categories, batchElementsMax: draws * categories });
  const batch = packJob(job);
  const temperature = new Float32Array(tileDraws).fill(0.5);
  const searched = isSearched(job, job.outputs);

  const tiles: { readonly first: number; readonly count: number; readonly ofRows: number }[] = [];
  for (let first = 0; first < draws; first += tileDraws) {
    const count = Math.min(tileDraws, draws - first);
    tiles.push({ first, count, ofRows: Math.min(count, rows) });
  }
  const noise = () => {
    for (const { first, count, ofRows } of tiles) {
      const row = Math.min(first % rows, rows - ofRows);
      kernel.streams.set(job.streams.subarray(3 * row, 3 * (row + ofRows)));
      kernel.logits.set(job.logits.subarray(row * categories, (row + ofRows) * categories));
      const sample = Math.floor(first / rows);
      if (searched) {
        kernel.searchIndices(0, count, categories, ofRows, sample);
        continue;
      }
      kernel.fillDraws(0, count, categories, ofRows, sample);
      kernel.perturb(0, count, categories, ofRows);
      kernel.argmax(0, count, categories);
    }
  };
  const graph = async () => {
    // Only soft samples need a graph.
    if (wanted !== 'soft') return;
    for (const { count } of tiles) {
      kernel.temperatures.set(temperature.subarray(0, count));
      kernel.exponents(count, categories);
      await graphs.exponential(kernel.samples.subarray(0, count * categories));
      kernel.normalize(count, categories);
    }
  };
  const both = async () => {
    await drawer.draw(batch);
  };
  return { works: [noise, graph, both], close: () => graphs.close() };
}

async function timeMs(work: Work, repeats: number): Promise<number> {
  const start = performance.now();
  for (let repeat = 0; repeat < repeats; repeat++) await work();
  return (performance.now() - start) / repeats;
}

/** Takes turns between the works, so that a disturbance of the machine does not fall on one of them alone. */
async function measure(works: readonly Work[], elements: number, seconds: number): Promise<Nanoseconds[]> {
  const repeats: number[] = [];
  for (const work of works) {
    await timeMs(work, 3);
    repeats.push(Math.max(1, Math.ceil(runMsMin / (await timeMs(work, 5)))));
  }
  const runs = works.map((): number[] => []);
  const end = performance.now() + seconds * 1000;
  while (runs[0].length < runsMin || performance.now() < end) {
    for (const [index, work] of works.entries()) runs[index]?.push(await timeMs(work, repeats[index]));
  }
  return runs.map((times) => ({
    least: (Math.min(...times) * 1e6) / elements,
    median: (median(times) * 1e6) / elements,
  }));
}

async function measureCase(name: string, wanted: Wanted, seconds: number): Promise<KernelFigures> {
  const { shape, samples = 1 } = parseSamples(name);
  const { works, close } = await makeWorks(makeJob(shape, samples, wanted), wanted);
  const [noise, graph, both] = await measure(works, shape.rows * shape.categories * samples, seconds);
  await close();
  return { shape: name, wanted, noise, graph, both } as KernelFigures;
}

function torchLoop(shapes: readonly string[], peers: boolean): KernelResult['torch'] {
  if (!peers) return { missing: '--without-peers was given' };
  if (shapes.length === 0) return { missing: 'it draws one sample of each row' };
  const python = findPeerPython(['torch']);
  if ('missing' in python) return python;
  const args = ['-B', `${peersFolder}/torch_loop.py`, ...shapes];
  const text = execFileSync(python.command, args, { encoding: 'utf8', timeout: 600_000 });
  return { versions: python.versions, figures: JSON.parse(text) };
}

async function main(shapes: readonly string[], seconds: number, peers: boolean): Promise<void> {
  const run = describeRun('bench:kernel');
  const ofOneSample = shapes.filter((shape) => parseSamples(shape).samples === undefined);
  const figures: KernelFigures[] = [];
  for (const shape of shapes) {
    for (const wanted of wantedAll) figures.push(await measureCase(shape, wanted, seconds));
  }
  const result = { run, torch: torchLoop(ofOneSample, peers), figures };
  console.log(kernelMarkdown(result));
  writeResult('kernel', result);
}

const { values } = parseArgs({
  options: {
    shapes: { type: 'string', default: '1x10,64x10,64x1000,1024x64,32x50257,1x1000x300' },
    seconds: { type: 'string', default: '2' },
    'without-peers': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(help);
else {
  settleMemory(); // As the service does.
  await main(values.shapes.split(','), Number(values.seconds), !values['without-peers']);
}
