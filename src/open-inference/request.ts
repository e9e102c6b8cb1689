/**
 * The JSON schema of an inference request in the Open Inference Protocol: names, shapes, datatypes and parameters.
 * input-tensors.ts checks names and sizes of tensors; draw.ts reads the draw.
 */
import { z } from 'zod';
import { Problem } from '../errors.js';
import { dropNulls, nullableFields } from '../schemas/absent-null.js';
import { component } from '../schemas/component.js';
import { type DrawLimits, drawFields } from '../schemas/draw.js';
import { estimator, raoSamplesField } from '../schemas/estimator.js';
import { validationProblem } from '../schemas/issue.js';
import { IssueList } from '../schemas/issue-list.js';
import { oneSeedJsonSchema } from '../schemas/seed.js';
import { type ModelName, type ModelOutput, models, unknownTensorText } from './models.js';
import { datatypes } from './tensors/datatypes.js';

/** Limits of an inference request. */
export interface InferLimits extends DrawLimits {
  /** Most numbers in the binary tensors of one reply; `elementsReturnedMax` limits those in JSON. */
  readonly binaryElementsReturnedMax: number;
}

/** The JSON of a request, and the bytes behind it. */
export interface InferBody {
  /** Undefined for a raw body: the bytes of the only required input. */
  readonly json: unknown;
  readonly binary: Buffer;
}

/** The reply repeats the id, so its length is limited. */
const idCharactersMax = 1024;
/** Most tensors in a request, and in a reply; no model has more inputs or outputs. */
const inputsMax = 8;
const outputsMax = 10;
/** Most axes of a tensor; each input has a maximum of its own (models.ts). */
const rankMax = 9;

const name = z.string().max(64);

/** Parameters of MLServer's codecs. They are ignored, because datatype and shape define a tensor. */
const ignoredTensorParameters = {
  content_type: z.string().optional().meta({
    description: "Ignored: MLServer's codec of a tensor. The datatype is enough here.",
  }),
  headers: z
    .unknown()
    .refine((value) => typeof value === 'object' && value !== null && !Array.isArray(value), {
      error: 'must be an object',
    })
    .optional()
    .meta({ type: 'object', description: 'Ignored: MLServer puts the HTTP headers of a request here.' }),
};

/** Parameters of other servers. They are ignored, because they cannot change the draw. */
const ignoredRequestParameters = {
  ...ignoredTensorParameters,
  priority: z
    .int()
    .min(0)
    .optional()
    .meta({ description: "Ignored: Triton's priority. All draws have the same priority." }),
};

const parameterNames = [...nullableFields, ...Object.keys(ignoredRequestParameters)];
const tensorParameterNames = Object.keys(ignoredTensorParameters);

/** Removes fields that clients send as null to leave them out, at every level. */
function dropAllNulls(json: unknown): void {
  dropNulls(json, ['id', 'parameters', 'outputs']);
  const { parameters, inputs, outputs } = (json ?? {}) as Record<string, unknown>;
  dropNulls(parameters, parameterNames);
  for (const tensors of [inputs, outputs]) {
    if (!Array.isArray(tensors)) continue;
    for (const tensor of tensors.slice(0, outputsMax)) {
      dropNulls(tensor, ['parameters']);
      dropNulls((tensor as { parameters?: unknown } | null)?.parameters, tensorParameterNames);
    }
  }
}

const datatype = z.enum(datatypes, { error: `must be one of ${datatypes.join(', ')}` }).meta(component('Datatype'));

const inputParameters = z
  .strictObject({
    binary_data_size: z.int().min(0).optional().meta({ description: 'Bytes of this tensor behind the JSON.' }),
    ...ignoredTensorParameters,
  })
  .meta(component('TensorParameters', { binary_data_size: 24 }));

const inputTensor = z
  .strictObject({
    name: name.meta({
      description:
        'logits, temperature, hard, seed; for gumbel_softmax given_indices, for gumbel_softmax_vjp cotangent. For gumbel_softmax_log_prob logits, temperature, and one of samples, log_samples, indices, top_indices.',
    }),
    shape: z.array(z.int().min(0)).min(1).max(rankMax).meta({
      description:
        'logits [B, K], [K] or up to eight axes, and [B] below are its axes before the last; temperature, hard and seed [1] or [B]; given_indices [B]; cotangent, samples and log_samples [B, K] or [S, B, K]; indices [B] or [S, B]; top_indices [B, k] or [S, B, k].',
    }),
    datatype,
    parameters: inputParameters.optional(),
    data: z.unknown().optional().meta({
      description: 'The elements, flat or nested as the shape. In logits, null masks a category.',
      type: 'array',
      items: {},
    }),
  })
  .meta(component('Tensor'));

const outputParameters = z
  .strictObject({
    binary_data: z.boolean().optional().meta({ description: 'Whether this output is sent as bytes behind the JSON.' }),
    ...ignoredTensorParameters,
  })
  .meta(component('RequestedOutputParameters', { binary_data: true }));

const outputTensor = z
  .strictObject({ name, parameters: outputParameters.optional() })
  .meta(component('RequestedOutput'));

function fields(limits: DrawLimits) {
  const { num_samples, row_offset, sample_offset, noise, masks } = drawFields(limits, z.unknown());
  return z.strictObject({
    id: z.string().max(idCharactersMax).optional().meta({ description: 'The reply repeats it.' }),
    model_name: name.optional().meta({ description: 'Optional; must be the model of the path.' }),
    parameters: z
      .strictObject({
        temperature: z.number().optional().meta({ description: 'In place of the tensor.' }),
        hard: z.boolean().optional().meta({ description: 'In place of the tensor.' }),
        // draw.ts reads the seed, since the legal values depend on the model.
        seed: z.unknown().optional().meta(oneSeedJsonSchema),
        num_samples,
        row_offset,
        sample_offset,
        noise,
        masks,
        top_k: z.int().min(1).optional().meta({
          description:
            'gumbel_softmax: adds the output top_indices; top_scores, top_threshold and top_log_prob need it, too.',
        }),
        estimator: estimator.optional(),
        rao_samples: raoSamplesField,
        timeout: z.int().min(1).optional().meta({
          description:
            'Microseconds, as in Triton. Shortens the deadline of the draw, as the header x-deadline-ms does.',
        }),
        binary_data_output: z
          .boolean()
          .optional()
          .meta({ description: 'Whether all outputs are sent as bytes behind the JSON.' }),
        ...ignoredRequestParameters,
      })
      .meta({
        ...component('InferParameters'),
        description: 'temperature, hard and seed replace the tensors of the same names.',
      })
      .prefault({}),
    inputs: z.array(inputTensor).min(1).max(inputsMax),
    outputs: z.array(outputTensor).max(outputsMax).optional().meta({
      description:
        'Outputs of the reply, in this order. When absent: samples and indices, or all gradients, or log_prob.',
    }),
  });
}

export type InferRequest = z.output<ReturnType<typeof fields>>;

/** The schema of the JSON, for validation and for the OpenAPI document. */
export function inferRequest(limits: DrawLimits) {
  return fields(limits).meta(component('InferRequest'));
}

/** The JSON that a raw body stands for: one row of FP32 logits, with binary outputs. */
function rawRequest(model: ModelName, binary: Buffer): unknown {
  const required = Object.entries(models[model].inputs).filter(([, spec]) => spec.required);
  // Beside logits, gumbel_softmax_log_prob needs points.
  const needed = model === 'gumbel_softmax_log_prob' ? required.length + 1 : required.length;
  if (needed !== 1) {
    throw new Problem(
      'malformed-binary',
      `A raw body is one tensor, but ${model} needs ${needed}. Send JSON before the tensors.`,
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
 * @throws {Problem} `validation` and others, with JSON pointers to the errors
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
    issues.report('validation', ['model_name'], `must be the model of the path, ${model}`);
  }
  for (const field of ['temperature', 'hard', 'seed'] as const) {
    if (parameters[field] === undefined || !inputs.some((input) => input.name === field)) continue;
    issues.report('validation', ['parameters', field], 'is also given as a tensor: send one of the two');
  }
  refuseForeign(json, model, issues);
  issues.throwIfAny();
  return parsed.data;
}

const drawing = ['gumbel_softmax', 'gumbel_softmax_vjp'] as const;

/** The models of parameters that not every model has. */
const parameterOwners: Readonly<Record<string, readonly ModelName[]>> = {
  hard: drawing,
  seed: drawing,
  num_samples: drawing,
  row_offset: drawing,
  sample_offset: drawing,
  noise: drawing,
  top_k: ['gumbel_softmax'],
  estimator: ['gumbel_softmax_vjp'],
  rao_samples: ['gumbel_softmax_vjp'],
};

/** Reports parameters of other models. Looks at the JSON as sent: the schema has filled in defaults. */
function refuseForeign(json: unknown, model: ModelName, issues: IssueList): void {
  const { parameters = {} } = (json ?? {}) as { readonly parameters?: Readonly<Record<string, unknown>> };
  for (const [name, owners] of Object.entries(parameterOwners)) {
    if (parameters[name] === undefined || owners.includes(model)) continue;
    issues.report('validation', ['parameters', name], `is a parameter of ${owners.join(' and ')}, not of ${model}`);
  }
}

/** An output of the request, and whether it is sent as bytes. */
export interface RequestedOutput {
  readonly name: string;
  readonly spec: ModelOutput;
  readonly binary: boolean;
}

/**
 * The outputs in the order of the request; `defaults` if it names none.
 *
 * @throws {Problem} `validation` if the model does not have an output, or if the request names one twice
 */
export function requestedOutputs(
  { outputs = [], parameters }: InferRequest,
  model: ModelName,
  defaults: readonly string[],
): RequestedOutput[] {
  const specs: Readonly<Record<string, ModelOutput>> = models[model].outputs;
  const issues = new IssueList();
  const wanted = outputs.length > 0 ? outputs : defaults.map((output) => ({ name: output, parameters: undefined }));
  const requested = wanted.map(({ name: output, parameters: own }, index) => {
    if (!Object.hasOwn(specs, output)) {
      issues.report('validation', ['outputs', index, 'name'], unknownTensorText('outputs', output, model));
    } else if (wanted.findIndex((other) => other.name === output) < index) {
      issues.report('validation', ['outputs', index, 'name'], `asks for ${output} a second time`);
    }
    const binary = own?.binary_data ?? parameters.binary_data_output ?? false;
    return { name: output, spec: specs[output], binary };
  });
  issues.throwIfAny();
  return requested;
}
