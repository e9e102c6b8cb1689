/** Whether a draw is the one that its seed gives: replays it, and compares. */
import { noiseVersion } from '../../../src/sampler/noise/version.js';
import type { Noise, Replay } from './noise.js';
import type { Seed } from './seed.js';
import { type ArrayInput, type NumberArray, toFloats, toIntegers } from './tensor.js';

/** What verifies a draw: a Draw of the client, or the members of a JSON reply under these names. */
export interface Replayable {
  readonly logits: ArrayInput;
  readonly temperature?: number | readonly number[] | Float32Array;
  readonly hard?: boolean | readonly boolean[];
  readonly seed: Seed | readonly Seed[];
  readonly numSamples?: number | undefined;
  readonly rowOffset?: number | undefined;
  readonly sampleOffset?: number | undefined;
  readonly noiseKind?: 'gumbel' | 'none' | undefined;
  readonly givenIndices?: readonly number[] | undefined;
  readonly noiseVersion: string;
  readonly samples?: ArrayInput;
  readonly indices?: ArrayInput | number;
  readonly noise?: ArrayInput;
}

export interface Check {
  readonly output: 'noise' | 'indices' | 'samples';
  readonly ok: boolean;
  /** How many numbers were compared. */
  readonly compared: number;
  /** Bit for bit; soft samples are held to softmax((z - max z) / temperature) in float64. */
  readonly exact: boolean;
  /** 0 where all bits are the same. */
  readonly largestError: number;
}

export interface Verification {
  /** Whether something was compared, and all of it is right. */
  readonly ok: boolean;
  readonly checks: readonly Check[];
}

/** What docs/guarantees.md promises of soft samples. */
const softTolerance = 1e-6;

/** @throws {RangeError} for a draw of another noise version, or of noise that is given an index */
export function verifyWith(noise: Noise, draw: Replayable): Verification {
  if (draw.noiseVersion !== noiseVersion) {
    throw new RangeError(`The draw is of noise version ${draw.noiseVersion}, and this kernel of ${noiseVersion}.`);
  }
  if (draw.givenIndices !== undefined) {
    throw new RangeError('A draw with givenIndices has noise of another kind, which this client does not replay.');
  }
  const { seed, numSamples, rowOffset, sampleOffset, noiseKind, hard = false } = draw;
  const replay = noise.replay(draw.logits, { seed, numSamples, rowOffset, sampleOffset, noise: noiseKind });
  const shape = replay.noise.shape;
  const checks: Check[] = [];
  if (draw.noise !== undefined) {
    checks.push(compareBits('noise', toFloats('noise', draw.noise, shape, 'refused').data, replay.noise.data));
  }
  if (draw.indices !== undefined) {
    checks.push(compareBits('indices', toIntegers('indices', draw.indices).data, replay.indices.data));
  }
  if (draw.samples !== undefined) {
    const samples = toFloats('samples', draw.samples, shape, 'refused').data;
    checks.push(
      hard === true ? compareBits('samples', samples, replay.hardSamples.data) : compareSoft(samples, replay, draw),
    );
  }
  return { ok: checks.length > 0 && checks.every(({ ok }) => ok), checks };
}

function compareBits<Data extends Float32Array | Int32Array>(output: Check['output'], own: Data, right: Data): Check {
  const [bits, rightBits] = [bitsOf(own), bitsOf(right)];
  const ok = bits.length === rightBits.length && bits.every((word, at) => word === rightBits[at]);
  return { output, ok, compared: own.length, exact: true, largestError: ok ? 0 : largestDifference(own, right) };
}

function bitsOf({ buffer, byteOffset, length }: Float32Array | Int32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}

function largestDifference(own: NumberArray, right: NumberArray | Float64Array): number {
  if (own.length !== right.length) return Number.POSITIVE_INFINITY;
  let most = 0;
  for (const [at, value] of own.entries()) most = Math.max(most, Math.abs(value - (right[at] as number)));
  return Number.isNaN(most) ? Number.POSITIVE_INFINITY : most;
}

/** One-hot rows of a draw that has both kinds are compared as they are. */
function compareSoft(samples: Float32Array, replay: Replay, { temperature = 1, hard = false }: Replayable): Check {
  const z = replay.perturbed.data;
  const categories = replay.noise.shape.at(-1) as number;
  const right = new Float64Array(z.length);
  for (const [draw, index] of replay.indices.data.entries()) {
    const start = draw * categories;
    if (typeof hard !== 'boolean' && hard[draw % hard.length]) {
      right[start + index] = 1;
      continue;
    }
    const tau = Math.fround(
      typeof temperature === 'number' ? temperature : (temperature[draw % temperature.length] as number),
    );
    const most = z[start + index] as number;
    let sum = 0;
    for (let at = start; at < start + categories; at++) {
      right[at] = Math.exp(Math.fround((z[at] as number) - most) / tau);
      sum += right[at] as number;
    }
    for (let at = start; at < start + categories; at++) right[at] = (right[at] as number) / sum;
  }
  const largestError = largestDifference(samples, right);
  return { output: 'samples', ok: largestError <= softTolerance, compared: samples.length, exact: false, largestError };
}
