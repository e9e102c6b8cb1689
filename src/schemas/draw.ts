/** The fields that all requests for a draw share, their bounds, and the checks between them. */
import { z } from 'zod';
import type { FlagList } from '../json/flag-reader.js';
import { component, referTo } from './component.js';
import { isPerRow, perRowText } from './entries.js';
import { type Hard, hardField } from './hard.js';
import { type IssueSink, report } from './issue.js';
import { type Logits, type LogitsLimits, logitsField } from './logits.js';
import { type Masks, masksField } from './masks.js';
import { anyDepth, nested } from './nested.js';
import type { Seed } from './seed.js';
import { checkTemperatures, type Temperature, temperatureField } from './temperature.js';

export interface DrawLimits extends LogitsLimits {
  readonly samplesMax: number;
  readonly elementsReturnedMax: number;
}

/** A validated draw: its distribution and its noise. */
export interface Draw {
  readonly logits: Logits;
  readonly temperature: Temperature;
  /** Whether all rows have one-hot samples. */
  readonly hard: boolean;
  /** uint8 [B], 1 for rows with one-hot samples. Only if rows differ; `hard` is then false. */
  readonly hardRows: Uint8Array | undefined;
  /** `hard` as sent, for the reply. */
  readonly hardGiven: boolean | FlagList;
  readonly seed: Seed;
  /** Undefined if results have no leading axis of samples. */
  readonly numSamples: number | undefined;
  readonly rowOffset: number;
  readonly sampleOffset: number;
  readonly noise: 'gumbel' | 'none';
  readonly masks: Masks;
}

/** Row and sample numbers are 32-bit counters (docs/noise-contract.md). */
const counterEnd = 2 ** 32;

const offset = z
  .int()
  .min(0)
  .max(counterEnd - 1)
  .default(0);

/** The fields of a draw. Their order decides the code of a request with several errors. */
export function drawFields<SeedField extends z.ZodType>(limits: DrawLimits, seed: SeedField) {
  return {
    logits: logitsField(limits),
    temperature: temperatureField(limits),
    hard: hardField(limits),
    seed,
    num_samples: z.int().min(1).optional().meta({
      description: 'Draw this many samples of each row; results then have a leading axis of samples.',
      maximum: limits.samplesMax,
      format: 'int64',
    }),
    row_offset: offset.meta({
      description:
        'Number of the first row in the draw, to replay or continue part of a larger one. Not with a seed per row.',
    }),
    sample_offset: offset.meta({
      description: 'Number of the first sample in the draw, to replay or continue part of a larger one.',
    }),
    noise: z
      .enum(['gumbel', 'none'])
      .default('gumbel')
      .meta({
        ...component('NoiseKind'),
        description:
          '"gumbel", also when absent. "none" leaves the noise out: plain softmax with temperature, or the most likely category.',
      }),
    masks: masksField,
  };
}

interface DrawBody {
  readonly logits: Logits;
  readonly temperature: Temperature;
  readonly hard: Hard;
  readonly num_samples?: number | undefined;
  readonly row_offset: number;
  readonly sample_offset: number;
  readonly noise: 'gumbel' | 'none';
  readonly masks: Masks;
}

/** The draw of a body whose fields are each valid; undefined after an error between fields has been reported. */
export function toDraw(body: DrawBody, seed: Seed, limits: DrawLimits, sink: IssueSink): Draw | undefined {
  if (!checkLengths(body, seed, sink)) return undefined;
  const samples = body.num_samples ?? 1;
  if (samples > limits.samplesMax) {
    report(sink, 'too-many-elements', ['num_samples'], `must be at most ${limits.samplesMax}`);
    return undefined;
  }
  return {
    logits: body.logits,
    temperature: body.temperature,
    hard: body.hard.all,
    hardRows: body.hard.rows,
    hardGiven: body.hard.given,
    seed,
    numSamples: body.num_samples,
    rowOffset: body.row_offset,
    sampleOffset: body.sample_offset,
    noise: body.noise,
    masks: body.masks,
  };
}

/**
 * Checks that per-row fields have one entry per row and that counters stay below 2^32. Returns false after it has
 * reported an error.
 */
function checkLengths(body: DrawBody, seed: Seed, sink: IssueSink): boolean {
  const { logits, hard } = body;
  const { rows } = logits;
  const isOneSeed = !seed.perRow && seed.shape.length < 2;
  const wrong: [boolean, string, string][] = [
    [typeof hard.given === 'object' && !isPerRow(hard.given.shape, logits), 'hard', perRowText(logits)],
    [!isOneSeed && !isPerRow(seed.shape, logits), 'seed', perRowText(logits)],
    [seed.perRow && body.row_offset > 0, 'row_offset', 'must be 0 with a seed per row: each row is row 0 of its seed'],
    [body.row_offset + rows > counterEnd, 'row_offset', 'plus the number of rows must be at most 2^32'],
    [
      body.sample_offset + (body.num_samples ?? 1) > counterEnd,
      'sample_offset',
      'plus the number of samples must be at most 2^32',
    ],
  ];
  let right = checkTemperatures(body.temperature, logits, sink);
  for (const [isWrong, field, message] of wrong) {
    if (!isWrong) continue;
    report(sink, 'validation', [field], message);
    right = false;
  }
  return right;
}

/** The sizes of the leading axes of a draw's results: [S] if the request has num_samples, and those of logits. */
export function drawAxes({ logits, numSamples }: Pick<Draw, 'logits' | 'numSamples'>): number[] {
  return [...(numSamples === undefined ? [] : [numSamples]), ...logits.leadingShape];
}

/** Reply fields that identify the draw. */
export const drawReplyFields = {
  seed: z.unknown().meta({
    description: 'Seed as given, or the one that was drawn, as a decimal string.',
    ...referTo('Seed'),
  }),
  temperature: z.unknown().meta({ description: 'Temperature as used, in float32.', ...nested('Float32', 0, anyDepth) }),
  hard: z.unknown().meta({ description: 'As given.', ...referTo('Hard') }),
  noise_version: z.string().meta({ description: 'Version of the noise contract; equal versions give equal bits.' }),
  provider: z.string().meta({ description: 'Execution provider that ran the graph.' }),
};
