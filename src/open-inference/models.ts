/** The models of the Open Inference Protocol: their tensors, as their metadata lists them and as a request is checked against. */
import type { Datatype } from './tensors/datatypes.js';

/** An input: the datatypes it is taken in, the first of which the metadata names, and its axes, -1 where their size varies. */
export interface InputSpec {
  readonly datatypes: readonly Datatype[];
  readonly shape: readonly number[];
  readonly required: boolean;
}

/** What an output holds for each draw: a number, a number a category, or a number for each of the top k. */
type Width = 'one' | 'categories' | 'topK';

export interface OutputSpec {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly width: Width;
}

const floats = ['FP32', 'FP16', 'FP64'] as const;

const drawInputs = {
  logits: { datatypes: floats, shape: [-1, -1], required: true },
  temperature: { datatypes: floats, shape: [-1], required: false },
  hard: { datatypes: ['BOOL'], shape: [-1], required: false },
  seed: { datatypes: ['UINT64', 'INT64'], shape: [-1], required: false },
} as const satisfies Record<string, InputSpec>;

export const models = {
  gumbel_softmax: {
    inputs: drawInputs,
    outputs: {
      samples: { datatype: 'FP32', shape: [-1, -1], width: 'categories' },
      indices: { datatype: 'INT64', shape: [-1], width: 'one' },
      top_indices: { datatype: 'INT64', shape: [-1, -1], width: 'topK' },
      log_samples: { datatype: 'FP32', shape: [-1, -1], width: 'categories' },
      log_prob: { datatype: 'FP64', shape: [-1], width: 'one' },
      noise: { datatype: 'FP32', shape: [-1, -1], width: 'categories' },
    },
  },
  gumbel_softmax_vjp: {
    inputs: { ...drawInputs, cotangent: { datatypes: floats, shape: [-1, -1], required: true } },
    outputs: {
      grad_logits: { datatype: 'FP32', shape: [-1, -1], width: 'categories' },
      grad_temperature: { datatype: 'FP32', shape: [-1], width: 'one' },
    },
  },
} as const satisfies Record<
  string,
  { inputs: Readonly<Record<string, InputSpec>>; outputs: Readonly<Record<string, OutputSpec>> }
>;

export type ModelName = keyof typeof models;

/** The one version each model has: that of its interface, not of the noise. */
export const modelVersion = '1';

export function isModelName(name: string): name is ModelName {
  return Object.hasOwn(models, name);
}

/** What is wrong with a tensor of this name, which the model has not: another one may have it. */
export function unknownTensorText(kind: 'inputs' | 'outputs', name: string, model: ModelName): string {
  const own = Object.keys(models[model][kind]).join(', ');
  const owner = Object.keys(models).find((other) => Object.hasOwn(models[other as ModelName][kind], name));
  const noun = kind.slice(0, -1);
  return owner === undefined
    ? `must be one of ${own}`
    : `is an ${noun} of the model ${owner}; those of ${model} are ${own}`;
}

/** What GET /v2/models/{model} replies. */
export function modelMetadata(name: ModelName) {
  const { inputs, outputs } = models[name];
  return {
    name,
    versions: [modelVersion],
    platform: 'onnxruntime_onnx',
    inputs: Object.entries<InputSpec>(inputs).map(([input, { datatypes, shape }]) => ({
      name: input,
      datatype: datatypes[0] as Datatype,
      shape: [...shape],
    })),
    outputs: Object.entries<OutputSpec>(outputs).map(([output, { datatype, shape }]) => ({
      name: output,
      datatype,
      shape: [...shape],
    })),
  };
}
