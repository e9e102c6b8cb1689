/**
 * The outputs of a draw by their names in the API, in the order of a reply: the same for POST /sample and for the model
 * gumbel_softmax. A new output needs a row here, a row in sampler/outputs.ts, and code in sampler/worker/ that computes
 * it; if it costs work that no other output does, also a weight in sampler/cost.ts.
 */
import { z } from 'zod';
import { type OutputName, outputs, type Width, widthOf } from '../sampler/outputs.js';
import { type Draw, drawAxes } from './draw.js';
import { anyDepth, type Element, nested } from './nested.js';

interface SampleOutput {
  readonly output: OutputName;
  /** The type of its elements in JSON. */
  readonly element: Element;
  readonly description: string;
}

export const sampleOutputs = {
  samples: {
    output: 'samples',
    element: 'Float32',
    description:
      'float32, shaped like logits, and with num_samples a leading axis of samples. Soft samples lie on the simplex; hard ones are one-hot.',
  },
  indices: {
    output: 'indices',
    element: 'Int64',
    description: 'Category drawn, 0-based: shaped like samples without the axis of categories.',
  },
  top_indices: {
    output: 'topIndices',
    element: 'Int64',
    description: 'Categories drawn without replacement, in order: shaped like samples, with top_k for K.',
  },
  log_samples: {
    output: 'logSamples',
    element: 'MaskedFloat32',
    description: 'Logarithm of the soft samples, shaped like samples; null where masked. Does not underflow.',
  },
  log_prob: {
    output: 'logProb',
    element: 'LogDensity',
    description:
      'Log-density of the relaxed draw at log_samples, float64, shaped like indices; null for -infinity. The log-probability of the category drawn is index_log_prob.',
  },
  noise: { output: 'noise', element: 'Float32', description: 'The Gumbel noise of the draw, shaped like samples.' },
  index_log_prob: {
    output: 'indexLogProb',
    element: 'Float64',
    description: 'log softmax(logits) at the index, float64, shaped like indices: what a policy gradient needs.',
  },
  top_scores: {
    output: 'topScores',
    element: 'Float64',
    description: 'log softmax(logits) + noise of top_indices, float64, shaped like them. Needs top_k.',
  },
  top_threshold: {
    output: 'topThreshold',
    element: 'LogDensity',
    description:
      'The same of the category that would come next, float64, shaped like indices; null if none is left. Needs top_k.',
  },
  top_log_prob: {
    output: 'topLogProb',
    element: 'Float64',
    description:
      'Log-probability that top_indices are drawn, in their order, float64, shaped like indices. Needs top_k.',
  },
} as const satisfies Record<string, SampleOutput>;

export type SampleOutputName = keyof typeof sampleOutputs;
export const sampleOutputNames = Object.keys(sampleOutputs) as readonly SampleOutputName[];

/** The names that the field `return` accepts. The field `top_k` requests top_indices. */
export type ReturnName = Exclude<SampleOutputName, 'top_indices'>;
export const returnNames = sampleOutputNames.filter((name): name is ReturnName => name !== 'top_indices');

export function isReturnName(name: unknown): name is ReturnName {
  return returnNames.some((known) => known === name);
}

/** Outputs of the categories that `top_k` draws. */
export const topOutputNames: readonly SampleOutputName[] = [
  'top_indices',
  'top_scores',
  'top_threshold',
  'top_log_prob',
];

/** The count of numbers that a draw returns for each row and sample. */
export function returnedWidth(returned: Iterable<SampleOutputName>, categories: number, topK: number): number {
  let width = 0;
  for (const name of returned) width += widthOf(sampleOutputs[name].output, categories, topK);
  return width;
}

/** The shape of an output by its width. */
export function shapesOf(draw: Pick<Draw, 'logits' | 'numSamples'>, topK: number): Readonly<Record<Width, number[]>> {
  const axes = drawAxes(draw);
  return { one: axes, categories: [...axes, draw.logits.categories], topK: [...axes, topK] };
}

/** The schemas of the outputs in a reply. */
export const sampleReplyFields = Object.fromEntries(
  sampleOutputNames.map((name) => [name, documented(sampleOutputs[name])]),
);

function documented({ output, element, description }: SampleOutput) {
  const isOne = outputs[output].width === 'one';
  return z
    .unknown()
    .optional()
    .meta({ description, ...nested(element, isOne ? 0 : 1, anyDepth) });
}
