/**
 * Proves at start-up that a provider computes exponentials as the CPU does: 0 of -Infinity, 1 of 0, close to the CPU
 * elsewhere, and the same bits for a value wherever it stands. A driver that gets infinities or tiny numbers wrong is
 * found here, before a client does. Running the graph is left to `session.ts`.
 */

/**
 * e^x of each value, in place. Values are at most 0; they may be a view on a WebAssembly.Memory, which must not change
 * or grow meanwhile.
 */
export type RunExponential = (values: Float32Array) => Promise<void>;

/**
 * By how much e^x may differ, in units of 2^-23 e^x. WebGPU and Vulkan grant an exponential 3 + 2 |x|. A softmax value
 * y is off by y times its own error and the mean error over the row, which is largest where the largest of K categories
 * has y = 1/2 and the others share the rest at x = -ln K: at K = 2^20 by less than (3 + 13.9) 2^-24 = 1.0e-6 for twice
 * this and half of that for this bound.
 */
const unitsMax = (x: number) => 3 + Math.abs(x);

/** What is not above it becomes 0 in a sample, and a provider may flush it. */
const smallestNormal = 2 ** -126;

/** Known input: the usual, the far, the tiny, and what masks and logits as far apart as float32 allows become. */
export function knownInput(): Float32Array {
  const usual = Array.from({ length: 1200 }, (_, at) => -((at * 37) % 1201) / 12);
  const tiny = Array.from({ length: 150 }, (_, at) => -(2 ** -at));
  return Float32Array.from([0, ...usual, -Infinity, -3.4e38, ...tiny, -1e6, -88, -103, -104, 0, -Infinity, -0.5]);
}

/** What is wrong with the provider's answers, or undefined if nothing is. */
export async function disproof(run: RunExponential, onCpu: RunExponential): Promise<string | undefined> {
  const x = knownInput();
  const [expected, actual] = [x.slice(), x.slice()];
  await onCpu(expected);
  await run(actual);
  const wrong = actual.findIndex((value, at) => !agrees(value, expected[at] as number, x[at] as number));
  if (wrong >= 0) return `its exponential of ${x[wrong]} is ${actual[wrong]} where the CPU has ${expected[wrong]}`;
  for (const [from, to] of [
    [0, 1],
    [1, 3],
    [2, 66],
    [7, x.length],
  ] as const) {
    const some = x.slice(from, to);
    await run(some);
    if (!some.every((value, at) => Object.is(value, actual[from + at]))) {
      return `${to - from} values have other exponentials alone than among ${x.length}`;
    }
  }
  return undefined;
}

/** Written so that NaN does not agree. */
function agrees(actual: number, expected: number, x: number): boolean {
  if (x === 0) return actual === 1;
  if (expected <= smallestNormal) return actual >= 0 && actual <= 2 * smallestNormal;
  return Math.abs(actual - expected) <= unitsMax(x) * 2 ** -23 * expected;
}
