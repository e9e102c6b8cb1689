/** Reads an inference request to gumbel_softmax_log_prob: the same points as POST /log-prob reads. */
import { IssueList } from '../schemas/issue-list.js';
import { temperatureText } from '../schemas/log-prob.js';
import {
  areIndices,
  checkPoints,
  type PointKind,
  type Points,
  pointDraws,
  pointKinds,
  shapeFault,
} from '../schemas/log-prob-points.js';
import type { Logits } from '../schemas/logits.js';
import { checkTemperatures, type Temperature } from '../schemas/temperature.js';
import { checkReturned, inputsOf, parameterOf, refuseMasks, temperatureOf } from './draw.js';
import { logitsIn, pointsIn } from './fields.js';
import type { InputTensor } from './input-tensors.js';
import { type InferLimits, type InferRequest, type RequestedOutput, requestedOutputs } from './request.js';

/** A request to gumbel_softmax_log_prob. */
export interface LogProbInference {
  readonly logits: Logits;
  /** Undefined for indices, whose probability does not depend on it. */
  readonly temperature: Temperature | undefined;
  readonly points: Points;
  readonly outputs: readonly RequestedOutput[];
}

/** @throws {Problem} for a request without a log-probability */
export async function readLogProbInference(
  request: InferRequest,
  binary: Buffer,
  limits: InferLimits,
): Promise<LogProbInference> {
  const outputs = requestedOutputs(request, 'gumbel_softmax_log_prob', ['log_prob']);
  const issues = new IssueList();
  const inputs = inputsOf(request, binary, 'gumbel_softmax_log_prob', issues);
  const [kind, ...others] = pointKinds.filter((name) => inputs.has(name));
  if (kind === undefined || others.length > 0) {
    issues.report('validation', ['inputs'], `must have exactly one of the tensors ${pointKinds.join(', ')}`);
  } else if (areIndices(kind)) {
    const path = inputs.get('temperature')?.path ?? parameterOf('temperature');
    const isGiven = inputs.has('temperature') || request.parameters.temperature !== undefined;
    if (isGiven) issues.report('validation', path, temperatureText(kind));
  }
  issues.throwIfAny();
  const logits = await logitsIn(inputs.get('logits') as InputTensor, limits, issues);
  const temperature = await temperatureOf(request, inputs.get('temperature'), issues);
  issues.throwIfAny();
  return {
    ...(await readPoints(
      request,
      kind as PointKind,
      inputs,
      logits as Logits,
      temperature as Temperature,
      limits,
      outputs,
    )),
    outputs,
  };
}

async function readPoints(
  { parameters }: InferRequest,
  kind: PointKind,
  inputs: ReadonlyMap<string, InputTensor>,
  logits: Logits,
  temperature: Temperature,
  limits: InferLimits,
  outputs: readonly RequestedOutput[],
): Promise<Omit<LogProbInference, 'outputs'>> {
  const issues = new IssueList();
  const tensor = inputs.get(kind) as InputTensor;
  const fault = shapeFault(kind, tensor.shape, logits);
  if (fault !== undefined) issues.report('validation', [...tensor.path, 'shape'], fault);
  checkTemperatures(
    temperature,
    logits,
    issues.of((field) => inputs.get(field)?.path ?? parameterOf(field)),
  );
  issues.throwIfAny();
  await refuseMasks(parameters.masks, logits, inputs.get('logits') as InputTensor);
  const numbers = await pointsIn(tensor, kind, issues);
  issues.throwIfAny();
  const points = { kind, shape: tensor.shape, numbers: numbers as Points['numbers'] };
  const width = kind === 'indices' ? 1 : (tensor.shape.at(-1) as number);
  const paths = {
    element: (index: number) => (kind === 'indices' ? [index] : [Math.floor(index / width), index % width]),
    draw: (draw: number) => [draw],
  };
  await checkPoints(logits, points, paths, issues.at(tensor.path));
  checkReturned(pointDraws(points), { one: 1, categories: 0, topK: 0 }, outputs, limits, issues);
  issues.throwIfAny();
  return { logits, temperature: areIndices(kind) ? undefined : temperature, points };
}
