/** Request and reply of POST /log-prob: the log-density of relaxed samples, and the log-probability of indices. */
import { z } from 'zod';
import { NumberMatrix } from '../json/number-matrix.js';
import { component } from './component.js';
import type { DrawLimits } from './draw.js';
import { type IssueSink, report } from './issue.js';
import { IssueList } from './issue-list.js';
import { logProbExamples, logProbReplyExamples } from './log-prob-examples.js';
import {
  areIndices,
  checkPoints,
  type PointKind,
  type Points,
  pointAxes,
  pointDraws,
  pointKinds,
  shapeFault,
} from './log-prob-points.js';
import { type Logits, logitsField } from './logits.js';
import { type Masks, masksField } from './masks.js';
import { anyDepth, nested } from './nested.js';
import { indexPath } from './points.js';
import { checkTemperatures, optionalTemperatureField, type Temperature, toTemperature } from './temperature.js';

export interface LogProbRequest {
  readonly logits: Logits;
  /** Undefined for indices, whose probability does not depend on it. */
  readonly temperature: Temperature | undefined;
  /** `checkLogProbPoints` checks the numbers. */
  readonly points: Points;
  readonly masks: Masks;
}

const points = {
  samples: z
    .unknown()
    .optional()
    .meta({
      description:
        'Soft samples, shaped like logits, or with S in front for several samples of each row; 0 where masked, above 0 elsewhere.',
      ...nested('Float32', 1, anyDepth),
    }),
  log_samples: z
    .unknown()
    .optional()
    .meta({
      description: 'Their logarithms instead, null where masked: right where samples underflow.',
      ...nested('MaskedFloat32', 1, anyDepth),
    }),
  indices: z
    .unknown()
    .optional()
    .meta({
      description:
        'Categories, 0-based: one for each row, or with S in front several. Their log-probability is log softmax(logits) there, null where masked.',
      ...nested('Int64', 0, anyDepth),
    }),
  top_indices: z
    .unknown()
    .optional()
    .meta({
      description:
        'k categories of each row, drawn in this order without replacement, shaped like logits with k for K, or with S in front: different ones, none of them masked.',
      ...nested('Int64', 1, anyDepth),
    }),
} as const satisfies Record<PointKind, z.ZodType>;

const oneKindText = `must have exactly one of ${pointKinds.join(', ')}`;

export function logProbRequest(limits: DrawLimits) {
  return z
    .strictObject({
      logits: logitsField(limits),
      temperature: optionalTemperatureField(limits),
      ...points,
      masks: masksField,
    })
    .transform((body, context): LogProbRequest => {
      const { logits, masks } = body;
      const [kind, ...others] = pointKinds.filter((name) => body[name] !== undefined);
      if (kind === undefined || others.length > 0) {
        report(context, 'validation', [], oneKindText);
        return z.NEVER;
      }
      const temperature = temperatureOf(kind, body.temperature, logits, context);
      const read = readPoints(kind, body[kind], logits, context);
      if (temperature === null || read === undefined || !isWithin(read, limits, context)) return z.NEVER;
      return { logits, temperature, points: read, masks };
    })
    .meta({
      ...component('LogProbRequest'),
      description:
        'Has exactly one of samples, log_samples, indices and top_indices. A temperature only with the first two.',
      'x-examples': logProbExamples,
    });
}

/** The temperature, 1 if a density has none; null after an error has been reported. */
function temperatureOf(
  kind: PointKind,
  given: Temperature | undefined,
  logits: Logits,
  sink: IssueSink,
): Temperature | undefined | null {
  if (areIndices(kind)) {
    if (given === undefined) return undefined;
    report(sink, 'validation', ['temperature'], temperatureText(kind));
    return null;
  }
  const temperature = given ?? (toTemperature([1], [], sink) as Temperature);
  return checkTemperatures(temperature, logits, sink) ? temperature : null;
}

export function temperatureText(kind: PointKind): string {
  return `has no part in the probability of ${kind}: leave it out, or divide the logits by it to draw from softmax(logits / T)`;
}

function readPoints(kind: PointKind, value: unknown, logits: Logits, sink: IssueSink): Points | undefined {
  const numbers = typeof value === 'number' ? matrixOf(value) : value;
  const shape = numbers instanceof NumberMatrix && !numbers.raggedPath ? numbers.shape : undefined;
  // A number alone has no axes, not one.
  const own = typeof value === 'number' ? [] : shape;
  const fault = shapeFault(kind, own, logits);
  if (fault === undefined) return { kind, shape: own as number[], numbers: numbers as NumberMatrix };
  report(sink, 'validation', [kind], fault);
  return undefined;
}

/** One number as an array; a fraction stays one. */
function matrixOf(value: number): NumberMatrix {
  const data = Float32Array.of(Number.isInteger(value) ? value : Number.NaN);
  return new NumberMatrix({ shape: [1], data, nullCount: 0, infiniteCount: 0, raggedPath: undefined });
}

/** Whether there are not too many samples or numbers to return. Reports an error otherwise. */
function isWithin(points: Points, { elementsReturnedMax }: DrawLimits, sink: IssueSink): boolean {
  if (pointDraws(points) <= elementsReturnedMax) return true;
  report(sink, 'too-many-elements', [], `returns more than ${elementsReturnedMax} numbers`);
  return false;
}

/**
 * Checks the numbers of the points, in several turns of the event loop if there are many.
 *
 * @returns a promise if there are many points
 * @throws {Problem} `validation`, `not-on-simplex` or `zero-sample`
 */
export function checkLogProbPoints({ logits, points }: LogProbRequest): Promise<void> | undefined {
  const issues = new IssueList();
  const { kind, shape } = points;
  const axes = pointAxes(points);
  const paths = {
    element: (index: number) => [kind, ...indexPath(index, shape)],
    draw: (draw: number) => [kind, ...indexPath(draw, axes)],
  };
  const wrong = checkPoints(logits, points, paths, issues);
  if (wrong instanceof Promise) return wrong.then(() => issues.throwIfAny());
  issues.throwIfAny();
  return undefined;
}

/** Reply of POST /log-prob. */
export const logProbReply = z
  .object({
    log_prob: z.unknown().meta({
      description:
        'float64, one number, or [B], and [S] or [S][B] for points with S in front; null for -infinity: density or probability 0.',
      ...nested('LogDensity', 0, anyDepth),
    }),
    temperature: z
      .unknown()
      .optional()
      .meta({
        description: 'Temperature as used, in float32. Absent for indices and top_indices.',
        ...nested('Float32', 0, anyDepth),
      }),
  })
  .meta({ ...component('LogProbReply'), 'x-examples': logProbReplyExamples });
