/**
 * Draws the rows of test/fixtures/softmax_mpmath.json on this processor, writes the soft samples one after another to a file, as float32,
 * and ends with 1 if one is further than 1e-6 from the exact one or a row's sum from 1. Run by `npm run verify:cpu-features`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { pack } from '../src/sampler/batch.js';
import { openDrawer } from '../src/sampler/drawer.js';
import type { Job } from '../src/sampler/job.js';

interface Case {
  readonly temperature: number;
  readonly runs: readonly (readonly [logit: number, count: number])[];
  readonly samples: readonly number[];
}

const tolerance = 1e-6;
const fixture = new URL('../../test/fixtures/softmax_mpmath.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(fixture, 'utf8')) as { cases: Case[] };

function spread(values: readonly number[], { runs }: Case): Float32Array {
  return Float32Array.from(runs.flatMap(([, count], run) => new Array<number>(count).fill(values[run] as number)));
}

function jobOf(given: Case): Job {
  const logits = spread(
    given.runs.map(([logit]) => logit),
    given,
  );
  return {
    kind: 'draw',
    rows: 1,
    categories: logits.length,
    samples: 1,
    logits,
    temperature: Float32Array.of(given.temperature),
    streams: new Uint32Array(3),
    firstSample: 0,
    hard: false,
    gumbel: false,
    topK: 0,
    points: new Float32Array(0),
    outputs: new Set(['samples'] as const),
  };
}

const categoriesMax = 2 ** 20;
const drawer = await openDrawer({ provider: 'cpu', categoriesMax, batchElementsMax: categoriesMax });
const drawn: Float32Array[] = [];
let worst = 0;
for (const given of cases) {
  const job = jobOf(given);
  const { samples } = await drawer.draw(pack([{ job, rowStart: 0, rowCount: 1, sampleStart: 0, sampleCount: 1 }]));
  const exact = spread(given.samples, given);
  for (const [k, value] of samples.entries()) worst = Math.max(worst, Math.abs(value - (exact[k] as number)));
  worst = Math.max(worst, Math.abs(samples.reduce((sum, value) => sum + value, 0) - 1));
  drawn.push(samples.slice());
}
console.log(`${cases.length} rows, largest error of a sample or a sum ${worst.toExponential(1)}`);
const path = process.argv[2];
if (path !== undefined) writeFileSync(path, Buffer.concat(drawn.map(({ buffer }) => Buffer.from(buffer))));
if (!(worst <= tolerance)) process.exitCode = 1;
