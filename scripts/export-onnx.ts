/**
 * Writes the graphs as .onnx files, for other runtimes and for looking at: `npm run export:onnx [-- folder]`, default
 * ./onnx.
 *
 * The service does not read these files; it builds its graphs at start-up.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { completeGraph, exponentialGraph } from '../src/sampler/onnx/graphs.js';

const folder = process.argv[2] ?? 'onnx';
mkdirSync(folder, { recursive: true });
const models = {
  'gumbel-softmax': completeGraph(),
  exponential: exponentialGraph(),
};
for (const [name, model] of Object.entries(models)) {
  const path = join(folder, `${name}.onnx`);
  writeFileSync(path, model);
  console.log(`${path}: ${model.length} bytes`);
}
