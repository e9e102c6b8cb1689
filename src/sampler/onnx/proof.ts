/**
 * Proves at start-up that a provider computes soft samples as the CPU does: within 1e-6 of it, 0 where it is masked, and with the
 * same bits for a row alone and among others. A driver that gets infinities or tiny numbers wrong is found here, before a client
 * does. Running the graphs is left to `session.ts`.
 */

/**
 * softmax((z - max z) / temperature) of each row.
 *
 * @param scratch at least rows * categories elements in which the samples may be returned; without it they are in a buffer of their own
 */
export type RunSoft = (
  rows: number,
  categories: number,
  z: Float32Array,
  temperature: Float32Array,
  scratch?: Float32Array,
) => Promise<Float32Array>;

/** The guarantee between providers for rows this short. A softmax is at most 1, so it is absolute. */
const toleranceMax = 1e-6;

/** Around the widths at which kernels change: one warp, a workgroup, 1024, and a K that is no multiple of four. */
const widths = [1, 3, 10, 64, 257, 1025];

/** The legal extremes and the usual. */
const temperatures = [1, 0.5, 1e-6, 1e6, 0.03];

/** Known input of a width: ordinary rows, masked categories, a tie, and logits as far apart as float32 allows. */
export function knownInput(categories: number): { rows: number; z: Float32Array; temperature: Float32Array } {
  const patterns: ((k: number) => number)[] = [
    (k) => ((k * 37) % 101) / 8 - 6,
    (k) => (k % 3 === 1 ? Number.NEGATIVE_INFINITY : ((k * 29) % 53) / 4),
    () => 0,
    (k) => (k % 2 === 0 ? 0 : -3.4e38),
    (k) => -k / 16,
  ];
  const rows = patterns.length * temperatures.length;
  const z = Float32Array.from({ length: rows * categories }, (_, at) => {
    const row = Math.floor(at / categories);
    return (patterns[row % patterns.length] as (k: number) => number)(at % categories);
  });
  const temperature = Float32Array.from({ length: rows }, (_, row) => {
    return temperatures[Math.floor(row / patterns.length)] as number;
  });
  return { rows, z, temperature };
}

/** What is wrong with the provider's answers, or undefined if nothing is. */
export async function disproof(run: RunSoft, onCpu: RunSoft): Promise<string | undefined> {
  for (const categories of widths) {
    const { rows, z, temperature } = knownInput(categories);
    const expected = await onCpu(rows, categories, z, temperature);
    const actual = await run(rows, categories, z, temperature);
    const wrong = actual.findIndex((value, at) => !agrees(value, expected[at] as number, z[at] as number));
    if (wrong >= 0) {
      const place = `row ${Math.floor(wrong / categories)}, category ${wrong % categories} of ${categories}`;
      return `its softmax is ${actual[wrong]} where the CPU has ${expected[wrong]} (${place})`;
    }
    for (const row of [0, 1, rows - 1]) {
      const [from, to] = [row * categories, (row + 1) * categories];
      const alone = await run(1, categories, z.slice(from, to), temperature.slice(row, row + 1));
      if (!alone.every((value, at) => Object.is(value, actual[from + at]))) {
        return `a row of ${categories} categories has other bits alone than among ${rows}`;
      }
    }
  }
  return undefined;
}

/** Written so that NaN does not agree. */
function agrees(actual: number, expected: number, z: number): boolean {
  return z === Number.NEGATIVE_INFINITY ? actual === 0 : Math.abs(actual - expected) <= toleranceMax;
}
