/**
 * Checks at the start that a provider computes exponentials like the CPU: 0 for -Infinity, 1 for 0, close to the CPU
 * elsewhere, and the same bits for a value at any position. So a driver that is wrong about infinities or tiny numbers
 * fails the start.
 */

/**
 * Replaces each value x by e^x in place. Values are at most 0. They may be a view of a WebAssembly.Memory, which must
 * not change or grow before the promise resolves.
 */
export type RunExponential = (values: Float32Array) => Promise<void>;

/**
 * The largest difference of e^x from the CPU, in units of 2^-23 e^x. WebGPU and Vulkan allow 3 + 2 |x|.
 *
 * The error of a softmax value y is y times the sum of its own relative error and the mean over the row. It is largest
 * where one category has y = 1/2 and the others share the rest at x = -ln K. At K = 2^20 it is below
 * (3 + 13.9) 2^-24 = 1.0e-6 for twice this bound, and half of that for this bound.
 */
const unitsMax = (x: number) => 3 + Math.abs(x);

/** A provider may flush smaller values to 0. In a sample, values of at most this become 0. */
const smallestNormal = 2 ** -126;

/** Test input: usual, far and tiny values, and the exponents of masks and of logits far apart in float32. */
export function knownInput(): Float32Array {
  const usual = Array.from({ length: 1200 }, (_, index) => -((index * 37) % 1201) / 12);
  const tiny = Array.from({ length: 150 }, (_, index) => -(2 ** -index));
  return Float32Array.from([0, ...usual, -Infinity, -3.4e38, ...tiny, -1e6, -88, -103, -104, 0, -Infinity, -0.5]);
}

/** Describes the first wrong answer of a provider. Undefined if there is none. */
export async function disproof(run: RunExponential, onCpu: RunExponential): Promise<string | undefined> {
  const x = knownInput();
  const [expected, actual] = [x.slice(), x.slice()];
  await onCpu(expected);
  await run(actual);
  const wrong = actual.findIndex((value, index) => !agrees(value, expected[index], x[index]));
  if (wrong >= 0) return `its exponential of ${x[wrong]} is ${actual[wrong]} where the CPU has ${expected[wrong]}`;
  for (const [from, to] of [
    [0, 1],
    [1, 3],
    [2, 66],
    [7, x.length],
  ] as const) {
    const some = x.slice(from, to);
    await run(some);
    if (!some.every((value, index) => Object.is(value, actual[from + index]))) {
      return `${to - from} values have other exponentials alone than among ${x.length}`;
    }
  }
  return undefined;
}

/** Every comparison is false for NaN, so NaN never agrees. */
function agrees(actual: number, expected: number, x: number): boolean {
  if (x === 0) return actual === 1;
  if (expected <= smallestNormal) return actual >= 0 && actual <= 2 * smallestNormal;
  return Math.abs(actual - expected) <= unitsMax(x) * 2 ** -23 * expected;
}
