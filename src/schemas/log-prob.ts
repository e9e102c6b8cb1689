/** Request and reply of POST /log-prob, the log-density of relaxed samples. */
import { z } from 'zod';
import type { NumberMatrix } from '../json/number-matrix.js';
import { component } from './component.js';
import { type IssueSink, report } from './issue.js';
import { IssueList } from './issue-list.js';
import { logProbExamples, logProbReplyExamples } from './log-prob-examples.js';
import { type Logits, type LogitsLimits, logitsField, logitsShape } from './logits.js';
import { type Masks, masksField } from './masks.js';
import { nested } from './nested.js';
import { indexPath, readPoints, reportElements, reportInfinite } from './points.js';
import { checkTemperatures, type Temperature, temperatureField } from './temperature.js';

export interface LogProbRequest {
  readonly logits: Logits;
  readonly temperature: Temperature;
  /** [B, K]: samples, or their logarithms. `checkPoints` checks the numbers. */
  readonly points: NumberMatrix;
  readonly logarithms: boolean;
  readonly masks: Masks;
}

/** The sum of a sample may differ from 1 by this much, which covers rounding to float32 or to a few digits. */
const simplexTolerance = 1e-3;

export function logProbRequest(limits: LogitsLimits) {
  return z
    .strictObject({
      logits: logitsField(limits),
      temperature: temperatureField(limits),
      samples: z
        .unknown()
        .optional()
        .meta({
          description:
            'Soft samples, shaped like logits; 0 where masked, above 0 elsewhere. Send either these or log_samples.',
          ...nested('Float32', 1, 2),
        }),
      log_samples: z
        .unknown()
        .optional()
        .meta({
          description: 'Their logarithms instead, null where masked: right where samples underflow.',
          ...nested('MaskedFloat32', 1, 2),
        }),
      masks: masksField,
    })
    .transform((body, context): LogProbRequest => {
      const { logits, temperature, masks } = body;
      if (!checkTemperatures(temperature, logits, context)) return z.NEVER;
      const logarithms = body.samples === undefined;
      if (logarithms === (body.log_samples === undefined)) {
        report(context, 'validation', [], 'must have either samples or log_samples');
        return z.NEVER;
      }
      const field = logarithms ? 'log_samples' : 'samples';
      const shape = logitsShape(logits);
      const points = readPoints(body[field], shape, [field], context);
      if (points === undefined) return z.NEVER;
      return { logits, temperature, points, logarithms, masks };
    })
    .meta({
      ...component('LogProbRequest'),
      description: 'Has either samples or log_samples.',
      'x-examples': logProbExamples,
    });
}

type PathOf = (index: number) => (string | number)[];

/**
 * Checks that the points are inside the simplex, or logarithms of such points, in several turns of the event loop if
 * there are many. Null at a masked category becomes -Infinity. The schema has checked everything else.
 *
 * @returns a promise if there are many points
 * @throws {Problem} `validation`, `not-on-simplex` or `zero-sample`
 */
export function checkPoints(request: LogProbRequest): Promise<void> | undefined {
  const { logits, points, logarithms } = request;
  const issues = new IssueList();
  const field = logarithms ? 'log_samples' : 'samples';
  const shape = logitsShape(logits);
  const pathOf = (index: number) => [field, ...indexPath(index, shape)];
  const rowPath = (row: number) => [field, ...indexPath(row, logits.leadingShape)];
  const checks: (() => boolean | Promise<boolean>)[] = [
    () => reportInfinite(points, pathOf, issues),
    () => (logarithms ? reportLogSamples : reportSamples)(logits, points, pathOf, issues),
    () => reportSums(request, rowPath, issues),
  ];
  return runChecks(checks, issues);
}

/** Runs checks in order until one reports an error. Returns a promise only if a check returns one. */
function runChecks(
  checks: readonly (() => boolean | Promise<boolean>)[],
  issues: IssueList,
): Promise<void> | undefined {
  for (const [position, check] of checks.entries()) {
    const wrong = check();
    if (wrong instanceof Promise)
      return wrong.then((found) => runChecks(found ? [] : checks.slice(position + 1), issues));
    if (wrong) break;
  }
  issues.throwIfAny();
  return undefined;
}

/** Reports samples that are negative, or 0 at a category that is not masked. Returns whether there are any. */
function reportSamples({ data }: Logits, { data: points }: NumberMatrix, pathOf: PathOf, sink: IssueSink) {
  const isWrong = (index: number) => {
    const value = points[index];
    return !(value >= 0) || (value === 0 && data[index] !== -Infinity);
  };
  return reportElements(points.length, isWrong, (index) => {
    const value = points[index];
    if (Number.isNaN(value))
      report(sink, 'validation', pathOf(index), 'must be a number; send 0 for a masked category');
    else if (value < 0) report(sink, 'not-on-simplex', pathOf(index), 'is negative: send samples from 0 to 1');
    else report(sink, 'zero-sample', pathOf(index), 'is 0 at a category that is not masked: send log_samples instead');
  });
}

/**
 * Reports nulls at categories that are not masked, and sets the other nulls to -Infinity. Returns whether it reported
 * any.
 */
function reportLogSamples(
  { data }: Logits,
  { data: points, nullCount }: NumberMatrix,
  pathOf: PathOf,
  sink: IssueSink,
) {
  if (nullCount === 0) return false;
  const isWrong = (index: number) => {
    if (!Number.isNaN(points[index])) return false;
    if (data[index] !== -Infinity) return true;
    points[index] = -Infinity;
    return false;
  };
  return reportElements(points.length, isWrong, (index) =>
    report(sink, 'validation', pathOf(index), 'must be a number: send null only for a masked category'),
  );
}

/** Reports rows that do not sum to 1 within the tolerance. Returns whether there are any. */
function reportSums({ logits, points, logarithms }: LogProbRequest, pathOf: PathOf, sink: IssueSink) {
  const { categories } = logits;
  let sum = 0;
  let left = categories;
  const endsWrongRow = (index: number) => {
    const point = points.data[index];
    sum += logarithms ? Math.exp(point) : point;
    left -= 1;
    if (left > 0) return false;
    const wrong = !(Math.abs(sum - 1) <= simplexTolerance);
    sum = 0;
    left = categories;
    return wrong;
  };
  return reportElements(points.data.length, endsWrongRow, (index) =>
    report(
      sink,
      'not-on-simplex',
      pathOf(Math.floor(index / categories)),
      `does not sum to 1 within ${simplexTolerance}`,
    ),
  );
}

/** Reply of POST /log-prob. */
export const logProbReply = z
  .object({
    log_prob: z.unknown().meta({
      description: 'float64, one number, or [B]; null for -infinity (density 0).',
      ...nested('LogDensity', 0, 1),
    }),
    temperature: z.unknown().meta({ description: 'Temperature as used, in float32.', ...nested('Float32', 0, 1) }),
  })
  .meta({ ...component('LogProbReply'), 'x-examples': logProbReplyExamples });
