/** Request and reply of POST /log-prob, the log-density of relaxed samples. */
import { z } from 'zod';
import type { NumberMatrix } from '../json/number-matrix.js';
import { component } from './component.js';
import { type IssueSink, report } from './issue.js';
import { InferIssues } from './issue-list.js';
import { logProbExamples, logProbReplyExamples } from './log-prob-examples.js';
import { type Logits, type LogitsLimits, logitsField } from './logits.js';
import { type Masks, masksField } from './masks.js';
import { nested } from './nested.js';
import { indexPath, readPoints, reportInfinite, reportPlaces } from './points.js';
import { checkTemperatures, type Temperature, temperatureField } from './temperature.js';

export interface LogProbRequest {
  readonly logits: Logits;
  readonly temperature: Temperature;
  /** [B, K]: samples, or their logarithms; its numbers are for `checkPoints`. */
  readonly points: NumberMatrix;
  readonly logarithms: boolean;
  readonly masks: Masks;
}

/** How far from 1 the sum of a sample may be: what rounding to float32, or to a few digits, leaves. */
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
      if (!checkTemperatures(temperature, logits.rows, context)) return z.NEVER;
      const logarithms = body.samples === undefined;
      if (logarithms === (body.log_samples === undefined)) {
        report(context, 'validation', [], 'must have either samples or log_samples');
        return z.NEVER;
      }
      const field = logarithms ? 'log_samples' : 'samples';
      const shape = [...(logits.rank === 1 ? [] : [logits.rows]), logits.categories];
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

type PathOf = (place: number) => (string | number)[];

/**
 * Checks that the points lie inside the simplex, or are logarithms of such, in turns of the event loop where they are
 * many; null at a masked place becomes -Infinity. The schema has checked everything else.
 *
 * @returns a promise where there are many
 * @throws {Problem} `validation`, `not-on-simplex` or `zero-sample`
 */
export function checkPoints(request: LogProbRequest): Promise<void> | undefined {
  const { logits, points, logarithms } = request;
  const issues = new InferIssues();
  const field = logarithms ? 'log_samples' : 'samples';
  const shape = [...(logits.rank === 1 ? [] : [logits.rows]), logits.categories];
  const pathOf = (at: number) => [field, ...indexPath(at, shape)];
  const rowPath = (row: number) => (logits.rank === 1 ? [field] : [field, row]);
  const checks: (() => boolean | Promise<boolean>)[] = [
    () => reportInfinite(points, pathOf, issues),
    () => (logarithms ? reportLogSamples : reportSamples)(logits, points, pathOf, issues),
    () => reportSums(request, rowPath, issues),
  ];
  return runChecks(checks, issues);
}

/** Runs checks one behind the other until one has reported something; waits only for those that wait. */
function runChecks(
  checks: readonly (() => boolean | Promise<boolean>)[],
  issues: InferIssues,
): Promise<void> | undefined {
  for (const [index, check] of checks.entries()) {
    const wrong = check();
    if (wrong instanceof Promise) return wrong.then((found) => runChecks(found ? [] : checks.slice(index + 1), issues));
    if (wrong) break;
  }
  issues.throwIfAny();
  return undefined;
}

/** Whether there are samples that are negative, or 0 where their category is not masked. */
function reportSamples({ data }: Logits, { data: points }: NumberMatrix, pathOf: PathOf, sink: IssueSink) {
  const isWrong = (at: number) => {
    const value = points[at] as number;
    return !(value >= 0) || (value === 0 && data[at] !== -Infinity);
  };
  return reportPlaces(points.length, isWrong, (at) => {
    const value = points[at] as number;
    if (Number.isNaN(value)) report(sink, 'validation', pathOf(at), 'must be a number; a masked category is 0');
    else if (value < 0) report(sink, 'not-on-simplex', pathOf(at), 'is negative');
    else report(sink, 'zero-sample', pathOf(at), 'is 0 at a category that is not masked: send log_samples');
  });
}

/** Whether there are nulls at categories that are not masked; at the others they become -Infinity. */
function reportLogSamples(
  { data }: Logits,
  { data: points, nullCount }: NumberMatrix,
  pathOf: PathOf,
  sink: IssueSink,
) {
  if (nullCount === 0) return false;
  const isWrong = (at: number) => {
    if (!Number.isNaN(points[at])) return false;
    if (data[at] !== -Infinity) return true;
    points[at] = -Infinity;
    return false;
  };
  return reportPlaces(points.length, isWrong, (at) =>
    report(sink, 'validation', pathOf(at), 'must be a number: only a masked category is null'),
  );
}

/** Whether there are rows that do not sum to 1 within the tolerance. */
function reportSums({ logits, points, logarithms }: LogProbRequest, pathOf: PathOf, sink: IssueSink) {
  const { categories } = logits;
  let sum = 0;
  let left = categories;
  const endsWrongRow = (at: number) => {
    const point = points.data[at] as number;
    sum += logarithms ? Math.exp(point) : point;
    left -= 1;
    if (left > 0) return false;
    const wrong = !(Math.abs(sum - 1) <= simplexTolerance);
    sum = 0;
    left = categories;
    return wrong;
  };
  return reportPlaces(points.data.length, endsWrongRow, (at) =>
    report(sink, 'not-on-simplex', pathOf(Math.floor(at / categories)), `does not sum to 1 within ${simplexTolerance}`),
  );
}

/** What POST /log-prob replies. */
export const logProbReply = z
  .object({
    log_prob: z.unknown().meta({
      description: 'float64, one number, or [B]; null for -infinity (density 0).',
      ...nested('LogDensity', 0, 1),
    }),
    temperature: z.unknown().meta({ description: 'Temperature as used, in float32.', ...nested('Float32', 0, 1) }),
  })
  .meta({ ...component('LogProbReply'), 'x-examples': logProbReplyExamples });
