/** POST /log-prob: the log-density of relaxed samples, in JSON, and the log-probability of indices. */
import type { Client } from './client.js';
import { logProbOptionNames, refuseUnknown } from './option-names.js';
import { jsonNumbersMax, type Part, sendParts, Whole } from './parts.js';
import { type ArrayInput, sizeOf, Tensor, toFloats, toIntegers } from './tensor.js';
import type { CallOptions } from './transport.js';

/** One kind of points, shaped like the logits, or with an axis of samples in front. */
export type Points =
  | { readonly samples: ArrayInput }
  | { readonly logSamples: ArrayInput }
  | { readonly indices: ArrayInput | number }
  | { readonly topIndices: ArrayInput };

export interface LogProbOptions extends CallOptions {
  /** Of flat logits, and of flat points that have no samples in front. */
  readonly shape?: readonly number[] | undefined;
  readonly temperature?: number | readonly number[] | Float32Array | undefined;
  readonly masks?: 'allow' | 'refuse' | undefined;
}

interface ReadPoints {
  readonly field: string;
  readonly tensor: Tensor<Float32Array | Int32Array>;
  /** How many axes a point has: 1 for a sample or a list of indices, 0 for an index. */
  readonly axes: 0 | 1;
}

export async function logProbOf(
  client: Client,
  logits: ArrayInput,
  points: Points,
  options: LogProbOptions,
): Promise<Tensor<Float64Array>> {
  refuseUnknown('logProb', options, logProbOptionNames);
  const { data, shape } = toFloats('logits', logits, options.shape, 'masks');
  const categories = shape.at(-1) as number;
  const leading = shape.slice(0, -1);
  const rows = sizeOf(leading);
  const { field, tensor, axes } = readPoints(points, shape);
  const front = tensor.shape.slice(0, tensor.shape.length - axes - leading.length);
  const width = axes === 0 ? 1 : (tensor.shape.at(-1) as number);
  const samples = sizeOf(front);
  const isWide = axes === 0 || field === 'top_indices' || width === categories;
  if (!isWide || front.length > 1 || tensor.data.length !== samples * rows * width) {
    throw new RangeError(
      `${field} has the shape [${tensor.shape.join(', ')}], and logits have [${shape.join(', ')}]: ` +
        'points are shaped like them, with at most an axis of samples in front.',
    );
  }
  const whole = { row: 0, rows, sample: 0, samples };
  const result = new Whole<Float64Array>(whole);
  const sizes = { categories, returned: width, splitsSamples: front.length > 0, numbersMax: jsonNumbersMax };
  await sendParts(whole, sizes, async (part) => {
    const body = {
      logits: nested(data, { ...part, sample: 0, samples: 1 }, rows, categories)[0],
      ...temperatureOf(options.temperature, part, rows),
      ...(options.masks !== undefined && { masks: options.masks }),
      [field]: pointsOf(nested(tensor.data, part, rows, width), front.length > 0, axes),
    };
    const reply = await client.post<{ log_prob: Numbers }>('log-prob', body, options);
    const flat = flatOf(reply.log_prob);
    result.add(
      part,
      Float64Array.from(flat, (value) => value ?? Number.NEGATIVE_INFINITY),
    );
  });
  return new Tensor(result.data, [...front, ...leading]);
}

type Numbers = number | null | readonly Numbers[];

function flatOf(numbers: Numbers): (number | null)[] {
  return Array.isArray(numbers) ? numbers.flatMap(flatOf) : [numbers as number | null];
}

function readPoints(points: Points, shape: readonly number[]): ReadPoints {
  if ('samples' in points) {
    return { field: 'samples', tensor: toFloats('samples', points.samples, shape, 'refused'), axes: 1 };
  }
  if ('logSamples' in points) {
    return { field: 'log_samples', tensor: toFloats('logSamples', points.logSamples, shape, 'masks'), axes: 1 };
  }
  if ('indices' in points) return { field: 'indices', tensor: toIntegers('indices', points.indices), axes: 0 };
  return { field: 'top_indices', tensor: toIntegers('topIndices', points.topIndices), axes: 1 };
}

function temperatureOf(temperature: LogProbOptions['temperature'], { row, rows }: Part, rowsOfAll: number) {
  if (temperature === undefined || typeof temperature === 'number')
    return temperature === undefined ? {} : { temperature };
  if (temperature.length !== rowsOfAll) {
    throw new RangeError(`temperature has ${temperature.length} values for ${rowsOfAll} rows.`);
  }
  return { temperature: Array.from(temperature.slice(row, row + rows)) };
}

/** [samples][rows][width] of a part; -infinity, a mask, is null in JSON. */
function nested(
  data: Float32Array | Int32Array,
  { row, rows, sample, samples }: Part,
  rowsOfAll: number,
  width: number,
): (number | null)[][][] {
  return Array.from({ length: samples }, (_, s) =>
    Array.from({ length: rows }, (_, r) => {
      const start = ((sample + s) * rowsOfAll + row + r) * width;
      return Array.from(data.subarray(start, start + width), (value) =>
        value === Number.NEGATIVE_INFINITY ? null : value,
      );
    }),
  );
}

function pointsOf(samples: (number | null)[][][], hasSamples: boolean, axes: 0 | 1): unknown {
  const points = axes === 1 ? samples : samples.map((rows) => rows.map(([index]) => index));
  return hasSamples ? points : points[0];
}
