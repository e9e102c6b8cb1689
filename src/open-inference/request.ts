/**
 * The JSON of an inference request, as the Open Inference Protocol has it: names, shapes, datatypes and parameters.
 * Names and sizes of tensors are left to input-tensors.ts, and what the request asks to be drawn to draw.ts.
 */
import { z } from 'zod';
import { Problem } from '../errors.js';
import { dropNulls, nullableFields } from '../schemas/absent-null.js';
import { component } from '../schemas/component.js';
import { type DrawLimits, drawFields } from '../schemas/draw.js';
import { validationProblem } from '../schemas/issue.js';
import { IssueList } from '../schemas/issue-list.js';
import { oneSeedJsonSchema } from '../schemas/seed.js';
import { estimator } from '../schemas/vjp.js';
import { type ModelName, models, type OutputSpec, unknownTensorText } from './models.js';
import { datatypes } from './tensors/datatypes.js';

/** Bounds of a request of the protocol. */
export interface InferLimits extends DrawLimits {
  /** Numbers in one reply as binary tensors; `elementsReturnedMax` bounds those in JSON. */
  readonly binaryElementsReturnedMax: number;
}

/** The JSON of a request, and the bytes behind it. */
export interface InferBody {
  /** Undefined for a raw body, which is the bytes of the one required input and nothing else. */
  readonly json: unknown;
  readonly binary: Buffer;
}

/** An id is echoed, so it is bounded. */
const idCharactersMax = 1024;
/** No model has more inputs or outputs. */
const tensorsMax = 8;
const rankMax = 3;

const name = z.string().max(64);

/** What clients say of how they made a tensor, or will read one: here its datatype and shape say all. */
const ignoredOfTensors = {
  content_type: z.string().optional().meta({
    description: "Ignored: how MLServer's codecs read and write a tensor. Here its datatype says it.",
  }),
  headers: z
    .unknown()
    .refine((value) => typeof value === 'object' && value !== null && !Array.isArray(value), {
      error: 'must be an object',
    })
    .optional()
    .meta({ type: 'object', description: 'Ignored: MLServer puts the HTTP headers of a request here.' }),
};

/** What clients say beside the draw, and what cannot change it. */
const ignoredOfRequests = {
  ...ignoredOfTensors,
  priority: z.int().min(0).optional().meta({ description: "Ignored: Triton's priority. All draws have the same." }),
};

const parameterNames = [...nullableFields, ...Object.keys(ignoredOfRequests)];
const tensorParameterNames = Object.keys(ignoredOfTensors);

/** Takes away what null leaves out, at each level where clients write it. */
function dropAllNulls(json: unknown): void {
  dropNulls(json, ['id', 'parameters', 'outputs']);
  const { parameters, inputs, outputs } = (json ?? {}) as Record<string, unknown>;
  dropNulls(parameters, parameterNames);
  for (const tensors of [inputs, outputs]) {
    if (!Array.isArray(tensors)) continue;
    for (const tensor of tensors.slice(0, tensorsMax)) {
      dropNulls(tensor, ['parameters']);
      dropNulls((tensor as { parameters?: unknown } | null)?.parameters, tensorParameterNames);
    }
  }
}

const datatype = z.enum(datatypes, { error: `must be one of ${datatypes.join(', ')}` }).meta(component('Datatype'));

const inputParameters = z
  .strictObject({
    binary_data_size: z.int().min(0).optional().meta({ description: 'Bytes of this tensor behind the JSON.' }),
    ...ignoredOfTensors,
  })
  .meta(component('TensorParameters', { binary_data_size: 24 }));

const inputTensor = z
  .strictObject({
    name: name.meta({ description: 'logits, temperature, hard, seed, and for gumbel_softmax_vjp cotangent.' }),
    shape: z.array(z.int().min(0)).min(1).max(rankMax).meta({
      description: 'logits [B, K]; temperature, hard and seed [1] or [B]; cotangent [B, K] or [S, B, K].',
    }),
    datatype,
    parameters: inputParameters.optional(),
    data: z.unknown().optional().meta({
      description: 'The elements, flat or nested as the shape says. Among logits null masks a category.',
      type: 'array',
      items: {},
    }),
  })
  .meta(component('Tensor'));

const outputParameters = z
  .strictObject({
    binary_data: z.boolean().optional().meta({ description: 'Whether it comes as bytes behind the JSON.' }),
    ...ignoredOfTensors,
  })
  .meta(component('RequestedOutputParameters', { binary_data: true }));

const outputTensor = z
  .strictObject({ name, parameters: outputParameters.optional() })
  .meta(component('RequestedOutput'));

function fields(limits: DrawLimits) {
  const { num_samples, row_offset, sample_offset, noise, masks } = drawFields(limits, z.unknown());
  return z.strictObject({
    id: z.string().max(idCharactersMax).optional().meta({ description: 'Comes back in the reply.' }),
    model_name: name.optional().meta({ description: 'May be repeated here; it must be that of the path.' }),
    parameters: z
      .strictObject({
        temperature: z.number().optional().meta({ description: 'In place of the tensor.' }),
        hard: z.boolean().optional().meta({ description: 'In place of the tensor.' }),
        // What it may be depends on the model, and is read with the draw.
        seed: z.unknown().optional().meta(oneSeedJsonSchema),
        num_samples,
        row_offset,
        sample_offset,
        noise,
        masks,
        top_k: z.int().min(1).optional().meta({ description: 'gumbel_softmax: adds the output top_indices.' }),
        estimator: estimator.optional(),
        timeout: z.int().min(1).optional().meta({
          description:
            'Microseconds, as Triton has it: shortens the deadline of the draw like the header x-deadline-ms.',
        }),
        binary_data_output: z.boolean().optional().meta({ description: 'All outputs come as bytes behind the JSON.' }),
        ...ignoredOfRequests,
      })
      .meta({
        ...component('InferParameters'),
        description: 'temperature, hard and seed stand in place of the tensors.',
      })
      .prefault({}),
    inputs: z.array(inputTensor).min(1).max(tensorsMax),
    outputs: z.array(outputTensor).max(tensorsMax).optional().meta({
      description: 'What the reply carries, in this order. When absent: samples and indices, or all gradients.',
    }),
  });
}

export type InferRequest = z.output<ReturnType<typeof fields>>;

/** The schema of the JSON, which also documents it. */
export function inferRequest(limits: DrawLimits) {
  return fields(limits).meta(component('InferRequest'));
}

/** The JSON of a raw body: one row of logits in FP32, everything in binary. */
function rawRequest(model: ModelName, binary: Buffer): unknown {
  const required = Object.entries(models[model].inputs).filter(([, spec]) => spec.required);
  if (required.length !== 1) {
    throw new Problem(
      'malformed-binary',
      `A raw body is one tensor, but ${model} needs ${required.length}. Send JSON before them.`,
    );
  }
  if (binary.length % 4 !== 0) {
    throw new Problem(
      'shape-size-mismatch',
      'A raw body is one row of FP32 logits: its length must be a multiple of 4.',
    );
  }
  const logits = {
    name: 'logits',
    shape: [1, binary.length / 4],
    datatype: 'FP32',
    parameters: { binary_data_size: binary.length },
  };
  return { parameters: { binary_data_output: true }, inputs: [logits] };
}

/**
 * Checks the JSON of a request.
 *
 * @throws {Problem} `validation` and others, with the places of what is wrong
 */
export function readInferRequest(
  schema: ReturnType<typeof inferRequest>,
  model: ModelName,
  { json, binary }: Pick<InferBody, 'json' | 'binary'>,
): InferRequest {
  dropAllNulls(json);
  const parsed = schema.safeParse(json === undefined ? rawRequest(model, binary) : json);
  if (!parsed.success) throw validationProblem(parsed.error);
  const issues = new IssueList();
  const { model_name, parameters, inputs } = parsed.data;
  if (model_name !== undefined && model_name !== model) {
    issues.report('validation', ['model_name'], `must be that of the path, ${model}`);
  }
  for (const field of ['temperature', 'hard', 'seed'] as const) {
    if (parameters[field] === undefined || !inputs.some((input) => input.name === field)) continue;
    issues.report('validation', ['parameters', field], 'is also given as a tensor: send one of the two');
  }
  const other = model === 'gumbel_softmax' ? ('estimator' as const) : ('top_k' as const);
  if (parameters[other] !== undefined) {
    const owner = model === 'gumbel_softmax' ? 'gumbel_softmax_vjp' : 'gumbel_softmax';
    issues.report('validation', ['parameters', other], `is a parameter of ${owner}, not of ${model}`);
  }
  issues.throwIfAny();
  return parsed.data;
}

/** An output that a request asked for, and whether it comes as bytes. */
export interface RequestedOutput {
  readonly name: string;
  readonly spec: OutputSpec;
  readonly binary: boolean;
}

/**
 * The outputs of a request in the order it names them, or the given ones when it names none.
 *
 * @throws {Problem} `validation` for one that the model has not, or that is named twice
 */
export function requestedOutputs(
  { outputs = [], parameters }: InferRequest,
  model: ModelName,
  defaults: readonly string[],
): RequestedOutput[] {
  const specs: Readonly<Record<string, OutputSpec>> = models[model].outputs;
  const issues = new IssueList();
  const wanted = outputs.length > 0 ? outputs : defaults.map((output) => ({ name: output, parameters: undefined }));
  const requested = wanted.map(({ name: output, parameters: own }, index) => {
    if (!Object.hasOwn(specs, output)) {
      issues.report('validation', ['outputs', index, 'name'], unknownTensorText('outputs', output, model));
    } else if (wanted.findIndex((other) => other.name === output) < index) {
      issues.report('validation', ['outputs', index, 'name'], `asks for ${output} a second time`);
    }
    const binary = own?.binary_data ?? parameters.binary_data_output ?? false;
    return { name: output, spec: specs[output] as OutputSpec, binary };
  });
  issues.throwIfAny();
  return requested;
}
