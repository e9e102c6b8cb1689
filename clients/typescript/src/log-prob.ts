/** The log-density of relaxed samples, and the log-probability of indices: the model gumbel_softmax_log_prob. */
import type { InferReply, InferRequest, InputTensor } from './inference.js';
import { logProbOptionNames, refuseUnknown } from './option-names.js';
import { type Part, sendParts, Whole } from './parts.js';
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

/** @param infer sends a request to the model */
export async function logProbOf(
  infer: (request: InferRequest) => Promise<InferReply>,
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
  const sizes = { categories, returned: width, splitsSamples: front.length > 0 };
  await sendParts(whole, sizes, async (part) => {
    const points = partOf(tensor.data, part, rows, width);
    const shapeOfPart = [...(front.length > 0 ? [part.samples] : []), part.rows, ...(axes === 0 ? [] : [width])];
    const inputs: InputTensor[] = [
      {
        name: 'logits',
        shape: [part.rows, categories],
        data: partOf(data, { ...part, sample: 0, samples: 1 }, rows, categories),
      },
      { name: field, shape: shapeOfPart, data: points instanceof Float32Array ? points : bigIntsOf(points) },
    ];
    const { temperature, masks } = options;
    if (temperature !== undefined && typeof temperature !== 'number') {
      inputs.push({ name: 'temperature', shape: [part.rows], data: temperaturesOf(temperature, part, rows) });
    }
    const parameters = {
      ...(typeof temperature === 'number' && { temperature }),
      ...(masks !== undefined && { masks }),
    };
    const { outputs } = await infer({ inputs, parameters });
    result.add(part, outputs.get('log_prob')?.data as Float64Array);
  });
  return new Tensor(result.data, [...front, ...leading]);
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

function temperaturesOf(temperature: readonly number[] | Float32Array, { row, rows }: Part, rowsOfAll: number) {
  if (temperature.length !== rowsOfAll) {
    throw new RangeError(`temperature has ${temperature.length} values for ${rowsOfAll} rows.`);
  }
  return Float32Array.from(temperature.slice(row, row + rows));
}

/** [samples, rows, width] of a part. */
function partOf<Numbers extends Float32Array | Int32Array>(
  data: Numbers,
  { row, rows, sample, samples }: Part,
  rowsOfAll: number,
  width: number,
): Numbers {
  if (rows === rowsOfAll) return data.subarray(sample * rows * width, (sample + samples) * rows * width) as Numbers;
  const part = data.slice(0, samples * rows * width) as Numbers;
  for (let s = 0; s < samples; s++) {
    const start = ((sample + s) * rowsOfAll + row) * width;
    part.set(data.subarray(start, start + rows * width), s * rows * width);
  }
  return part;
}

/** The protocol has indices of 64 bits. */
function bigIntsOf(indices: Int32Array): BigInt64Array {
  return BigInt64Array.from(indices, BigInt);
}
