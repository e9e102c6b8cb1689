/**
 * Messages about unknown fields: the field that was probably meant, the place where it belongs, or the fields that
 * exist.
 */
import { shownText } from '../json/shown-text.js';

/**
 * Names that other libraries, protocols and papers use for fields of this API. The first alternative that the object
 * has is suggested.
 */
const aliases: Readonly<Record<string, readonly string[]>> = {
  tau: ['temperature', 'initial'],
  temp: ['temperature'],
  t: ['temperature', 'step'],
  schedule: ['temperature'],
  annealing: ['temperature'],
  logit: ['logits'],
  x: ['logits'],
  input: ['inputs', 'logits'],
  scores: ['logits'],
  unnormalized_log_probs: ['logits'],
  log_probs: ['logits'],
  n: ['num_samples'],
  s: ['num_samples'],
  count: ['num_samples'],
  size: ['num_samples', 'shape'],
  num: ['num_samples'],
  num_draws: ['num_samples'],
  n_samples: ['num_samples'],
  samples: ['num_samples'],
  sample_count: ['num_samples'],
  sample_shape: ['num_samples'],
  sample_size: ['num_samples'],
  k: ['top_k'],
  num_categories: ['top_k'],
  key: ['seed'],
  rng: ['seed'],
  prng_key: ['seed'],
  random_seed: ['seed'],
  random_state: ['seed'],
  manual_seed: ['seed'],
  generator: ['seed'],
  seeds: ['seed'],
  offset: ['row_offset'],
  one_hot: ['hard'],
  onehot: ['hard'],
  discrete: ['hard'],
  straight_through: ['hard'],
  st: ['hard'],
  gumbel: ['noise'],
  gumbels: ['noise'],
  g: ['noise'],
  return_indices: ['return'],
  return_noise: ['return'],
  return_samples: ['return'],
  return_log_prob: ['return'],
  logprobs: ['return'],
  actions: ['indices'],
  returns: ['return'],
  outputs: ['return'],
  output: ['outputs', 'return'],
  fields: ['return'],
  grad: ['cotangent'],
  gradient: ['cotangent'],
  grad_output: ['cotangent'],
  grad_outputs: ['cotangent'],
  grad_samples: ['cotangent'],
  cotangents: ['cotangent'],
  v: ['cotangent'],
  method: ['estimator'],
  value: ['samples', 'data'],
  y: ['samples'],
  sample: ['samples', 'num_samples'],
  log_value: ['log_samples'],
  index: ['indices'],
  masked: ['masks'],
  type: ['schedule', 'datatype'],
  kind: ['schedule'],
  mode: ['schedule'],
  start: ['initial'],
  init: ['initial'],
  max: ['initial'],
  t0: ['initial'],
  tau0: ['initial'],
  initial_temperature: ['initial'],
  end: ['minimum'],
  final: ['minimum'],
  min: ['minimum'],
  floor: ['minimum'],
  tau_min: ['minimum'],
  minimum_temperature: ['minimum'],
  decay: ['rate'],
  decay_rate: ['rate'],
  anneal_rate: ['rate'],
  annealing_rate: ['rate'],
  gamma: ['rate'],
  num_steps: ['steps'],
  total_steps: ['steps'],
  max_steps: ['steps'],
  t_max: ['steps'],
  iteration: ['step'],
  epoch: ['step'],
  global_step: ['step'],
  current_step: ['step'],
  dtype: ['datatype'],
  data_type: ['datatype'],
  dims: ['shape'],
  values: ['data'],
  contents: ['data'],
  request_id: ['id'],
  instances: ['inputs'],
  params: ['parameters'],
  options: ['parameters'],
  binary_data: ['binary_data_output'],
};

/** Names without a counterpart here, and what to do instead. */
const explanations: Readonly<Record<string, string>> = {
  dim: 'the categories are the last axis of logits, so bring them there',
  axis: 'the categories are the last axis of logits, so bring them there',
  eps: 'the noise is exact in both tails and needs none',
  epsilon: 'the noise is exact in both tails and needs none',
  dtype: 'samples are float32',
  device: 'the service chooses it, and X-Provider says which',
  probs: 'send their logarithms as logits',
  probabilities: 'send their logarithms as logits',
  p: 'send their logarithms as logits',
  mask: 'write null in logits for a category that must never be drawn',
  replace: 'top_k draws without replacement, num_samples with it',
  replacement: 'top_k draws without replacement, num_samples with it',
  top_p: 'nothing is truncated: write null in logits for what must not be drawn',
  model_version: 'the version is part of the path',
  sequence_id: 'a draw has no state, so there are no sequences',
  sequence_start: 'a draw has no state, so there are no sequences',
  sequence_end: 'a draw has no state, so there are no sequences',
  classification: 'ask for top_indices with the parameter top_k',
  shared_memory_region: 'there is no shared memory: send data, or binary_data_size and the bytes',
  shared_memory_byte_size: 'there is no shared memory: send data, or binary_data_size and the bytes',
  shared_memory_offset: 'there is no shared memory: send data, or binary_data_size and the bytes',
};

const inVjp = 'it is a field of POST /sample/vjp';
const inSample = 'it is a field of POST /sample';
const inDraws = 'it is a field of POST /sample and /sample/vjp';
const inLogProb = 'it is a field of POST /log-prob';
const inInference = 'it is a field of POST /v2/models/{model}/infer';
const inParameters = 'it belongs in parameters';
const inInputs = 'it belongs in inputs, as a tensor';

/**
 * Where a field exists that this object does not have. The first text is for the service's own routes, the second for
 * an inference or its parameters.
 */
const places: Readonly<Record<string, readonly [route: string, inference: string]>> = {
  logits: [inDraws, inInputs],
  cotangent: [inVjp, inInputs],
  temperature: [inDraws, inParameters],
  hard: [inDraws, inParameters],
  seed: [inDraws, inParameters],
  num_samples: [inDraws, inParameters],
  row_offset: [inDraws, inParameters],
  sample_offset: [inDraws, inParameters],
  noise: [inDraws, inParameters],
  masks: [inDraws, inParameters],
  top_k: [inSample, inParameters],
  estimator: [inVjp, inParameters],
  rao_samples: [inVjp, inParameters],
  given_indices: [inSample, inInputs],
  return: [inSample, 'name the outputs in outputs'],
  samples: [inLogProb, 'name it in outputs'],
  log_samples: [inLogProb, 'name it in outputs'],
  indices: [inLogProb, 'name it in outputs'],
  top_indices: [inLogProb, 'name it in outputs'],
  inputs: [inInference, inInference],
  outputs: [inInference, inInference],
  parameters: [inInference, inInference],
  timeout: ['send the header x-deadline-ms', inParameters],
  steps: ['the schedules linear and cosine have it, exponential has rate', ''],
  rate: ['the schedule exponential has it, linear and cosine have steps', ''],
};

/** No field name is longer, so a longer name is not a misspelt field. */
const nameCharactersMax = 32;

/**
 * The message about an unknown field in an object that has the fields `legal`.
 *
 * @param alone whether it is the only unknown field
 */
export function unknownFieldText(name: string, legal: readonly string[], alone: boolean): string {
  const problem = `"${shownText(name)}" is not a field here`;
  const advice = name.length > nameCharactersMax ? undefined : adviceOn(snakeCase(name), legal);
  if (advice !== undefined) return `${problem}${advice}`;
  return alone ? `${problem}; the fields are ${legal.join(', ')}` : problem;
}

function adviceOn(name: string, legal: readonly string[]): string | undefined {
  const meant = own(aliases, name)?.find((field) => legal.includes(field)) ?? legal.find((field) => field === name);
  if (meant !== undefined) return `; did you mean "${meant}"?`;
  const place = own(places, name)?.[legal.includes('inputs') || legal.includes('binary_data_output') ? 1 : 0];
  if (place) return `: ${place}`;
  const explanation = own(explanations, name);
  if (explanation !== undefined) return `: ${explanation}`;
  const near = nearest(name, legal);
  return near && `; did you mean "${near}"?`;
}

function own<Value>(table: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Converts numSamples, NumSamples and num-samples to num_samples. */
function snakeCase(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[-. ]/g, '_')
    .toLowerCase();
}

/** The legal name with the smallest edit distance, if that is small for the name's length. */
function nearest(name: string, legal: readonly string[]): string | undefined {
  let least = Math.floor((name.length + 1) / 4) + 1;
  let found: string | undefined;
  for (const field of legal) {
    const edits = editDistance(name, field);
    if (edits >= least) continue;
    least = edits;
    found = field;
  }
  return found;
}

/**
 * The number of insertions, deletions, substitutions and swaps of neighbours between two names (optimal string
 * alignment).
 */
function editDistance(a: string, b: string): number {
  let older: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substituted = previous[column - 1] + (a[row - 1] === b[column - 1] ? 0 : 1);
      const inserted = current[column - 1] + 1;
      const isSwap = row > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      const swapped = isSwap ? older[column - 2] + 1 : inserted;
      current.push(Math.min(substituted, inserted, swapped, previous[column] + 1));
    }
    older = previous;
    previous = current;
  }
  return previous[b.length];
}
