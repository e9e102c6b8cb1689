/** Inputs of the backward pass and runs of it: what the tests of both estimators share. */

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { openDrawGraphs } from '../../src/sampler/onnx/session.js';
import { type Estimator, GradientKernel } from '../../src/sampler/row-kernel/gradient-kernel.js';
import { bits, gumbelNoise, testCotangent, testLogits, uniform, WIDTHS } from './onnx-inputs.js';
import type { BackwardRow } from './reference/gradients.js';

export const graphs = await openDrawGraphs('cpu');

/** Rows of equal width, as the graphs take them. */
export interface BackwardRows {
  readonly categories: number;
  readonly logits: Float32Array;
  readonly noise: Float32Array;
  /** One for each row. */
  readonly temperature: Float32Array;
  readonly cotangent: Float32Array;
}

/** Temperatures that are log-uniform within 0.05 .. 10, where gradients are of use. */
export function testRows(rows: number, categories: number, seed: number): BackwardRows {
  const next = uniform(seed + 4);
  return {
    categories,
    logits: testLogits(rows, categories, seed),
    noise: gumbelNoise(rows * categories, seed + 1),
    temperature: Float32Array.from({ length: rows }, () => 0.05 * 200 ** next()),
    cotangent: testCotangent(rows * categories, seed + 2),
  };
}

/** The same with logits of 3.4e38 and -3.4e38 and masks in the even rows, and only the last two in the odd ones. */
export function withExtremes(input: BackwardRows): BackwardRows {
  const { categories } = input;
  const logits = input.logits.map((logit, element) => {
    const extreme = [3.4e38, -3.4e38, logit, 3.4e38, -Infinity, -3.4e38][(element % categories) % 6];
    return Math.floor(element / categories) % 2 === 0 ? extreme : Math.min(extreme, -3.4e38);
  });
  return { ...input, logits };
}

/** One row as typed arrays for the graphs, and as numbers for the reference. */
export function rowOf(input: BackwardRows, row: number): { alone: BackwardRows; plain: BackwardRow } {
  const part = (values: Float32Array) => values.slice(row * input.categories, (row + 1) * input.categories);
  const values = { logits: part(input.logits), noise: part(input.noise), cotangent: part(input.cotangent) };
  const temperature = input.temperature.slice(row, row + 1);
  return {
    alone: { ...values, categories: input.categories, temperature },
    plain: { ...values, temperature: temperature[0] },
  };
}

const kernel = new GradientKernel();

/** The gradients of rows as a worker computes them; those of the temperature are 0 for ReinMax. */
export async function run(estimator: Estimator, input: BackwardRows) {
  const { categories, temperature } = input;
  const rows = temperature.length;
  kernel.reserve(rows * categories);
  kernel.logits.set(input.logits);
  kernel.noise.set(input.noise);
  kernel.cotangents.set(input.cotangent);
  kernel.temperature.set(temperature);
  kernel.gradTemperature.fill(0);
  kernel.exponents(estimator, 0, rows, categories, rows);
  await graphs.exponentialOnCpu(kernel.scaled.subarray(0, rows * categories));
  if (estimator === 'reinmax') await graphs.exponentialOnCpu(kernel.unit.subarray(0, rows * categories));
  kernel.gradients(estimator, 0, rows, categories, rows);
  return {
    gradLogits: kernel.gradLogits.slice(0, rows * categories),
    gradTemperature: kernel.gradTemperature.slice(0, rows),
  };
}

/** Every row of any batch, at any memory address, has the bits that it has alone; throws where one has not. */
export async function assertRowsKeepTheirBits(estimator: Estimator, categories: number): Promise<void> {
  const large = categories > 10_000;
  const property = fc.asyncProperty(
    fc.integer(),
    fc.integer({ min: 1, max: large ? 3 : 70 }),
    fc.nat({ max: 7 }),
    async (seed, rows, skew) => {
      const input = testRows(rows, categories, seed);
      const cotangent = new Float32Array(skew + rows * categories).subarray(skew);
      cotangent.set(input.cotangent);
      const batch: Record<string, Float64Array> = await run(estimator, { ...input, cotangent });
      for (let row = 0; row < Math.min(rows, 5); row++) {
        const alone: Record<string, Float64Array> = await run(estimator, rowOf(input, row).alone);
        for (const [name, values] of Object.entries(alone)) {
          const together = batch[name].subarray(row * values.length, (row + 1) * values.length);
          if (!bits(values).equals(bits(together))) return false;
        }
      }
      return true;
    },
  );
  await fc.assert(property, { seed: 20261123, numRuns: large ? 4 : 25 });
}

/** The rows that both graphs are compared with the reference on: every width, plain and with extremes. */
export const COMPARED: readonly (readonly [title: string, input: BackwardRows])[] = WIDTHS.flatMap((categories) => {
  const input = testRows(categories > 10_000 ? 2 : 8, categories, categories);
  return [
    [`${categories} categories`, input],
    [`${categories} categories with extremes`, withExtremes(input)],
  ] as const;
});

/** A row of torch's gradients; a masked logit is null. */
interface TorchCase {
  readonly temperature: number;
  readonly logits: readonly (number | null)[];
  readonly noise: readonly number[];
  readonly cotangent: readonly number[];
  readonly grad_logits: readonly number[];
  readonly grad_temperature: number;
  readonly reinmax_grad_logits: readonly number[];
}

/** The committed gradients of torch and the same rows as inputs of the graphs. */
export function torchCases(): { expected: TorchCase; input: BackwardRows }[] {
  const url = new URL('../../../test/fixtures/vjp_torch.json', import.meta.url);
  const { cases } = JSON.parse(readFileSync(url, 'utf8')) as { cases: TorchCase[] };
  return cases.map((expected) => ({
    expected,
    input: {
      categories: expected.logits.length,
      logits: Float32Array.from(expected.logits, (logit) => logit ?? -Infinity),
      noise: Float32Array.from(expected.noise),
      temperature: Float32Array.of(expected.temperature),
      cotangent: Float32Array.from(expected.cotangent),
    },
  }));
}
