/**
 * Draws recorded from an earlier version: what is exact comes back byte for byte, what is not within its documented
 * bounds.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { startService } from '../support/service.js';

interface Recorded {
  readonly path: string;
  readonly body: unknown;
  readonly reply: Readonly<Record<string, unknown>>;
}

interface Output {
  readonly name: string;
  readonly data: readonly number[];
}

const service = await startService();
t.teardown(service.close);

const draws = JSON.parse(readFileSync('test/fixtures/recorded_draws.json', 'utf8')) as Recorded[];

/**
 * How far a value may be from the recorded one. Soft samples and gradients take their exponentials from ONNX Runtime,
 * whose last bits belong to the CPU: samples are within 1e-6 (docs/providers.md); a gradient is a sum of samples times
 * cotangents of at most 2, over a temperature, here 1e-3 or more. Logarithms are the kernel's own and have the same
 * bits everywhere.
 */
function toleranceOf(name: string, recorded: Recorded): number {
  if (name === 'samples') return isHard(recorded) ? 0 : 1e-6;
  if (name === 'grad_logits') return 1e-6 * gradientScale(recorded);
  // A gradient of the temperature has one more factor, z / temperature, with z below 100 here.
  if (name === 'grad_temperature') return 1e-4 * gradientScale(recorded) ** 2;
  return 0;
}

function isHard({ body }: Recorded): boolean {
  const { hard, parameters } = body as { hard?: boolean; parameters?: { hard?: boolean } };
  return hard === true || parameters?.hard === true;
}

/** 8 for cotangents, categories and samples beside one another, over the smallest temperature. */
function gradientScale({ body }: Recorded): number {
  const { temperature, parameters } = body as { temperature?: number | number[]; parameters?: { temperature: number } };
  const temperatures = [temperature ?? parameters?.temperature ?? 1].flat();
  return 8 * Math.max(1, ...temperatures.map((value) => 1 / value));
}

/** The numbers of a reply by the name of their output, and what else it says. */
function split({ path, reply }: Recorded): { numbers: Map<string, unknown>; rest: unknown } {
  if (path.startsWith('/v2')) {
    const { outputs, ...rest } = reply as { outputs: Output[] };
    return {
      numbers: new Map(outputs.map(({ name, data }) => [name, data])),
      rest: { ...rest, outputs: outputs.map((output) => ({ ...output, data: undefined })) },
    };
  }
  const names = [
    'samples',
    'indices',
    'noise',
    'top_indices',
    'log_samples',
    'log_prob',
    'grad_logits',
    'grad_temperature',
  ];
  const numbers = new Map(Object.entries(reply).filter(([name]) => names.includes(name)));
  return { numbers, rest: Object.fromEntries(Object.entries(reply).filter(([name]) => !names.includes(name))) };
}

function largestDifference(actual: unknown, recorded: unknown): number {
  if (Array.isArray(actual) && Array.isArray(recorded) && actual.length === recorded.length) {
    return actual.reduce((most, value, at) => Math.max(most, largestDifference(value, recorded[at])), 0);
  }
  if (Object.is(actual, recorded)) return 0;
  return typeof actual === 'number' && typeof recorded === 'number'
    ? Math.abs(actual - recorded)
    : Number.POSITIVE_INFINITY;
}

t.test('200 recorded draws over all routes come back', async (t) => {
  t.equal(draws.length, 200);
  for (const [index, recorded] of draws.entries()) {
    const { path, body } = recorded;
    const { status, reply } = await service.post(path, body);
    const actual = split({ path, body, reply: reply as never });
    const expected = split(recorded);
    const problems = [...expected.numbers].filter(([name, numbers]) => {
      const off = largestDifference(actual.numbers.get(name), numbers);
      return !(off <= toleranceOf(name, recorded));
    });
    t.ok(
      status === 200 && problems.length === 0,
      `draw ${index}, ${path}: ${problems.map(([name]) => name).join(', ')}`,
    );
    t.same(actual.rest, expected.rest, `draw ${index}: what else is said`);
  }
});
