/** Request and reply of POST /log-prob, the log-density of relaxed samples. */
import { z } from 'zod';
import { type IssueSink, report } from './issue.js';
import { type Logits, type LogitsLimits, logitsField } from './logits.js';
import { nested } from './nested.js';
import { indexPath, readPoints, reportPlaces } from './points.js';
import { checkTemperatures, type Temperature, temperatureField } from './temperature.js';

export interface LogProbRequest {
  readonly logits: Logits;
  readonly temperature: Temperature;
  /** float32 [B, K]: samples, or their logarithms with -Infinity at masked places. */
  readonly points: Float32Array;
  readonly logarithms: boolean;
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
          description: 'Soft samples, shaped like logits; 0 where masked, above 0 elsewhere.',
          ...nested('number', 1, 2),
        }),
      log_samples: z
        .unknown()
        .optional()
        .meta({
          description: 'Their logarithms instead, null where masked: right where samples underflow.',
          ...nested('numberOrNull', 1, 2),
        }),
    })
    .transform((body, context): LogProbRequest => {
      const { logits, temperature } = body;
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
      const at = (place: number) => [field, ...indexPath(place, shape)];
      const rowAt = (row: number) => (logits.rank === 1 ? [field] : [field, row]);
      const placesRight = (logarithms ? checkLogSamples : checkSamples)(logits, points, at, context);
      const entryOf = logarithms ? Math.exp : (value: number) => value;
      const right = placesRight && checkSums(logits, points, entryOf, rowAt, context);
      return right ? { logits, temperature, points, logarithms } : z.NEVER;
    })
    .meta({
      'x-examples': logProbExamples,
      oneOf: [{ required: ['samples'] }, { required: ['log_samples'] }],
    });
}

type PathOf = (place: number) => (string | number)[];
type RowPath = (row: number) => (string | number)[];

function checkSamples({ data }: Logits, points: Float32Array, pathOf: PathOf, sink: IssueSink): boolean {
  const isWrong = (at: number) => {
    const value = points[at] as number;
    return !(value >= 0) || (value === 0 && data[at] !== -Infinity);
  };
  const wrong = reportPlaces(points.length, isWrong, (at) => {
    const value = points[at] as number;
    if (Number.isNaN(value)) report(sink, 'validation', pathOf(at), 'must be a number; a masked category is 0');
    else if (value < 0) report(sink, 'not-on-simplex', pathOf(at), 'is negative');
    else report(sink, 'zero-sample', pathOf(at), 'is 0 at a category that is not masked: send log_samples');
  });
  return !wrong;
}

function checkLogSamples({ data }: Logits, points: Float32Array, pathOf: PathOf, sink: IssueSink): boolean {
  const isNull = (at: number) => Number.isNaN(points[at]);
  const wrong = reportPlaces(
    points.length,
    (at) => isNull(at) && data[at] !== -Infinity,
    (at) => report(sink, 'validation', pathOf(at), 'must be a number: only a masked category is null'),
  );
  for (let at = 0; at < points.length; at++) if (isNull(at)) points[at] = -Infinity;
  return !wrong;
}

/** Every row sums to 1 within the tolerance. */
function checkSums(
  logits: Logits,
  points: Float32Array,
  entryOf: (point: number) => number,
  path: RowPath,
  sink: IssueSink,
): boolean {
  const { rows, categories } = logits;
  const sumOf = (row: number) => {
    let sum = 0;
    for (let at = row * categories; at < (row + 1) * categories; at++) sum += entryOf(points[at] as number);
    return sum;
  };
  return !reportPlaces(
    rows,
    (row) => !(Math.abs(sumOf(row) - 1) <= simplexTolerance),
    (row) => report(sink, 'not-on-simplex', path(row), `does not sum to 1 within ${simplexTolerance}`),
  );
}

const logProbExamples = {
  samples: {
    summary: 'Log-density of a soft sample',
    value: { logits: [1, 0.5, -1], temperature: 0.5, samples: [0.25, 0.5, 0.25] },
  },
  logSamples: {
    summary: 'From its logarithm, with a masked category',
    value: { logits: [1, null, -1], temperature: 0.01, log_samples: [-1e-9, null, -20.7] },
  },
} as const;

/** What POST /log-prob replies. */
export const logProbReply = z
  .object({
    log_prob: z.unknown().meta({
      description: 'float64, one number, or [B]; null for -infinity (density 0).',
      ...nested('numberOrNull', 0, 1),
    }),
    temperature: z.unknown().meta({ description: 'Temperature as used, in float32.', ...nested('number', 0, 1) }),
  })
  .meta({ id: 'LogProbReply' });
