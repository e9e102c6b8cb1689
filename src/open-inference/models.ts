/**
 * The models of the Open Inference Protocol: their tensors, as their metadata lists them and as a request is checked
 * against.
 */
import { type OutputName, outputs, type Width } from '../sampler/outputs.js';
import { type SampleOutputName, sampleOutputNames, sampleOutputs } from '../schemas/outputs.js';
import type { Datatype } from './tensors/datatypes.js';

/**
 * An input: the datatypes it is taken in, the first of which the metadata names, and its axes, -1 where their size
 * varies.
 */
export interface InputSpec {
  readonly datatypes: readonly Datatype[];
  readonly shape: readonly number[];
  readonly required: boolean;
}

export interface OutputSpec {
  readonly output: OutputName;
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

function outputSpec(output: OutputName, datatype: Datatype): OutputSpec {
  const { width } = outputs[output];
  return { output, datatype, shape: width === 'one' ? [-1] : [-1, -1], width };
}

/**
 * The datatype of an output that leaves as the sampler made it. Indices are int32 there, and INT64 here, as torch and
 * numpy have them.
 */
function datatypeOf(output: OutputName): Datatype {
  const { array } = outputs[output];
  if (array === Int32Array) return 'INT64';
  return array === Float64Array ? 'FP64' : 'FP32';
}

const drawOutputs = Object.fromEntries(
  sampleOutputNames.map((name) => {
    const { output } = sampleOutputs[name];
    return [name, outputSpec(output, datatypeOf(output))];
  }),
) as Readonly<Record<SampleOutputName, OutputSpec>>;

export const models = {
  gumbel_softmax: {
    inputs: drawInputs,
    outputs: drawOutputs,
  },
  gumbel_softmax_vjp: {
    inputs: { ...drawInputs, cotangent: { datatypes: floats, shape: [-1, -1], required: true } },
    // Sums over the samples, rounded once to float32.
    outputs: {
      grad_logits: outputSpec('gradLogits', 'FP32'),
      grad_temperature: outputSpec('gradTemperature', 'FP32'),
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
