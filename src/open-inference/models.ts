/** The models of the Open Inference Protocol: their tensors, for the metadata and for the checks of requests. */
import { type OutputName, outputs, type Width } from '../sampler/outputs.js';
import type { PointKind } from '../schemas/log-prob-points.js';
import { type SampleOutputName, sampleOutputNames, sampleOutputs } from '../schemas/outputs.js';
import { type Datatype, floatDatatypes } from './tensors/datatypes.js';

export interface InputSpec {
  /** Accepted datatypes; the metadata names the first. */
  readonly datatypes: readonly Datatype[];
  /**
   * Sizes of the axes in the metadata, -1 where the size varies. The protocol has no word for any number of axes, so
   * that of logits stands for one to eight.
   */
  readonly shape: readonly number[];
  /** The most axes that are accepted. */
  readonly axesMax: number;
  readonly required: boolean;
}

export interface ModelOutput {
  readonly output: OutputName;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly width: Width;
}

const drawInputs = {
  logits: { datatypes: floatDatatypes, shape: [-1, -1], axesMax: 8, required: true },
  temperature: { datatypes: floatDatatypes, shape: [-1], axesMax: 7, required: false },
  hard: { datatypes: ['BOOL'], shape: [-1], axesMax: 7, required: false },
  seed: { datatypes: ['UINT64', 'INT64'], shape: [-1], axesMax: 7, required: false },
} as const satisfies Record<string, InputSpec>;

const integers = ['INT64', 'INT32'] as const;

/** Points of a log-probability: a request has exactly one of them. */
const pointInputs = {
  samples: { datatypes: floatDatatypes, shape: [-1, -1], axesMax: 9, required: false },
  log_samples: { datatypes: floatDatatypes, shape: [-1, -1], axesMax: 9, required: false },
  indices: { datatypes: integers, shape: [-1], axesMax: 8, required: false },
  top_indices: { datatypes: integers, shape: [-1, -1], axesMax: 9, required: false },
} as const satisfies Record<PointKind, InputSpec>;

function modelOutput(output: OutputName, datatype: Datatype): ModelOutput {
  const { width } = outputs[output];
  return { output, datatype, shape: width === 'one' ? [-1] : [-1, -1], width };
}

/** The datatype of a sampler's output. Indices are int32 in the sampler, and INT64 here as in torch and numpy. */
function datatypeOf(output: OutputName): Datatype {
  const { array } = outputs[output];
  if (array === Int32Array) return 'INT64';
  return array === Float64Array ? 'FP64' : 'FP32';
}

const drawOutputs = Object.fromEntries(
  sampleOutputNames.map((name) => {
    const { output } = sampleOutputs[name];
    return [name, modelOutput(output, datatypeOf(output))];
  }),
) as Readonly<Record<SampleOutputName, ModelOutput>>;

export const models = {
  gumbel_softmax: {
    inputs: { ...drawInputs, given_indices: { datatypes: integers, shape: [-1], axesMax: 7, required: false } },
    outputs: drawOutputs,
  },
  gumbel_softmax_vjp: {
    inputs: { ...drawInputs, cotangent: { datatypes: floatDatatypes, shape: [-1, -1], axesMax: 9, required: true } },
    // The sums over the samples are float64, rounded once to float32.
    outputs: {
      grad_logits: modelOutput('gradLogits', 'FP32'),
      grad_temperature: modelOutput('gradTemperature', 'FP32'),
    },
  },
  gumbel_softmax_log_prob: {
    inputs: { logits: drawInputs.logits, temperature: drawInputs.temperature, ...pointInputs },
    outputs: { log_prob: modelOutput('logProb', 'FP64') },
  },
} as const satisfies Record<
  string,
  { inputs: Readonly<Record<string, InputSpec>>; outputs: Readonly<Record<string, ModelOutput>> }
>;

export type ModelName = keyof typeof models;

/** The only version of every model: the version of its interface, not of the noise. */
export const modelVersion = '1';

export function isModelName(name: string): name is ModelName {
  return Object.hasOwn(models, name);
}

/** Error message for a tensor that the model does not have; it names another model that has it. */
export function unknownTensorText(kind: 'inputs' | 'outputs', name: string, model: ModelName): string {
  const own = Object.keys(models[model][kind]).join(', ');
  const owner = Object.keys(models).find((other) => Object.hasOwn(models[other as ModelName][kind], name));
  const noun = kind.slice(0, -1);
  return owner === undefined
    ? `must be one of ${own}`
    : `is an ${noun} of the model ${owner}; those of ${model} are ${own}`;
}

/** The reply of GET /v2/models/{model}. */
export function modelMetadata(name: ModelName) {
  const { inputs, outputs } = models[name];
  return {
    name,
    versions: [modelVersion],
    platform: 'onnxruntime_onnx',
    inputs: Object.entries<InputSpec>(inputs).map(([input, { datatypes, shape }]) => ({
      name: input,
      datatype: datatypes[0],
      shape: [...shape],
    })),
    outputs: Object.entries<ModelOutput>(outputs).map(([output, { datatype, shape }]) => ({
      name: output,
      datatype,
      shape: [...shape],
    })),
  };
}
