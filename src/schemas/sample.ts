/**
 * Request and reply of POST /sample. The request schema ends in a Draw: every check is done, every default filled in,
 * arrays are typed. Its bounds come from the configuration.
 */
import { z } from 'zod';
import { type IssueSink, report } from './issue.js';
import { type Logits, type LogitsLimits, logitsField } from './logits.js';
import { sampleExamples } from './sample-examples.js';
import { readSeed, type Seed, seedField } from './seed.js';
import { type Temperature, temperatureField } from './temperature.js';

export interface DrawLimits extends LogitsLimits {
  readonly samplesMax: number;
  readonly elementsDrawnMax: number;
  readonly elementsReturnedMax: number;
}

export const outputNames = ['samples', 'indices', 'noise'] as const;
export type OutputName = (typeof outputNames)[number];

/** A validated request to draw. */
export interface Draw {
  readonly logits: Logits;
  readonly temperature: Temperature;
  readonly hard: boolean;
  readonly seed: Seed;
  /** Undefined when the reply has no leading axis of samples. */
  readonly numSamples: number | undefined;
  readonly rowOffset: number;
  readonly sampleOffset: number;
  readonly noise: 'gumbel' | 'none';
  readonly outputs: ReadonlySet<OutputName>;
}

/** Row and sample numbers are 32-bit counters of the noise contract. */
const counterEnd = 2 ** 32;

const offset = z
  .int()
  .min(0)
  .max(counterEnd - 1)
  .default(0);

function fields(limits: DrawLimits) {
  return z.strictObject({
    logits: logitsField(limits),
    temperature: temperatureField,
    hard: z.boolean().default(false).meta({
      description: 'true returns one-hot samples: exactly one 1 at the category drawn, whatever the temperature.',
    }),
    seed: seedField,
    num_samples: z.int().min(1).optional().meta({
      description: 'Draw this many samples of each row; the reply then has a leading axis of samples.',
      maximum: limits.samplesMax,
    }),
    row_offset: offset.meta({
      description:
        'Number of the first row in the draw, to replay or continue part of a larger one. Not with a seed per row.',
    }),
    sample_offset: offset.meta({
      description: 'Number of the first sample in the draw, to replay or continue part of a larger one.',
    }),
    noise: z.enum(['gumbel', 'none']).default('gumbel').meta({
      description: '"none" leaves the noise out: plain softmax with temperature, or the most likely category.',
    }),
    return: z
      .array(z.enum(outputNames))
      .min(1)
      .refine((names) => new Set(names).size === names.length, 'must not name an output twice')
      .default(['samples', 'indices'])
      .meta({ description: 'What the reply carries.', uniqueItems: true }),
  });
}

type Fields = z.output<ReturnType<typeof fields>>;

/**
 * The request schema.
 *
 * @param limits bounds of a request
 * @param randomSeed draws the seed of a request that has none, as a decimal string of 64 random bits
 */
export function sampleRequest(limits: DrawLimits, randomSeed: () => string) {
  return fields(limits)
    .transform((body, context): Draw => {
      const seed = body.seed ?? (readSeed(randomSeed(), context) as Seed);
      const draw = {
        logits: body.logits,
        temperature: body.temperature,
        hard: body.hard,
        seed,
        numSamples: body.num_samples,
        rowOffset: body.row_offset,
        sampleOffset: body.sample_offset,
        noise: body.noise,
        outputs: new Set(body.return),
      };
      checkLengths(body, seed, context);
      checkSize(draw, limits, context);
      return draw;
    })
    .meta({ 'x-examples': sampleExamples });
}

/** Per-row fields have one entry a row, and counters stay below 2^32. */
function checkLengths(body: Fields, seed: Seed, sink: IssueSink): void {
  const { rows } = body.logits;
  const { temperature } = body;
  if (temperature.perRow && temperature.values.length !== rows) {
    report(sink, 'validation', ['temperature'], `must have one entry per row of logits (${rows})`);
  }
  if (seed.perRow && seed.words.length !== 2 * rows) {
    report(sink, 'validation', ['seed'], `must have one entry per row of logits (${rows})`);
  }
  if (seed.perRow && body.row_offset > 0) {
    report(sink, 'validation', ['row_offset'], 'has no meaning with a seed per row: each row is row 0 of its seed');
  }
  if (body.row_offset + rows > counterEnd) {
    report(sink, 'validation', ['row_offset'], 'plus the number of rows must be at most 2^32');
  }
  if (body.sample_offset + (body.num_samples ?? 1) > counterEnd) {
    report(sink, 'validation', ['sample_offset'], 'plus the number of samples must be at most 2^32');
  }
}

/** Bounds on the work and on the size of the reply. */
function checkSize({ logits, numSamples, outputs }: Draw, limits: DrawLimits, sink: IssueSink): void {
  const samples = numSamples ?? 1;
  const draws = samples * logits.rows;
  const drawn = draws * logits.categories;
  const full = (outputs.has('samples') ? 1 : 0) + (outputs.has('noise') ? 1 : 0);
  const returned = full * drawn + (outputs.has('indices') ? draws : 0);
  if (samples > limits.samplesMax) {
    report(sink, 'too-many-elements', ['num_samples'], `must be at most ${limits.samplesMax}`);
  } else if (drawn > limits.elementsDrawnMax) {
    report(sink, 'too-many-elements', [], `draws more than ${limits.elementsDrawnMax} elements`);
  } else if (returned > limits.elementsReturnedMax) {
    report(sink, 'too-many-elements', [], `returns more than ${limits.elementsReturnedMax} numbers`);
  }
}

/** JSON schema of an array nested from `ranks[0]` to `ranks[1]` deep; rank 0 is a bare number. */
function nested(items: 'number' | 'integer', [from, to]: readonly [number, number]) {
  const ofRank = (rank: number): object => (rank === 0 ? { type: items } : { type: 'array', items: ofRank(rank - 1) });
  return { anyOf: Array.from({ length: to - from + 1 }, (_, step) => ofRank(from + step)) };
}

/** What POST /sample replies; large arrays are printed outside zod, so this schema only documents. */
export const sampleReply = z
  .object({
    samples: z
      .unknown()
      .optional()
      .meta({
        description:
          'float32, [K] or [B][K], and with num_samples [S][K] or [S][B][K]. Soft samples lie on the simplex; hard ones are one-hot.',
        ...nested('number', [1, 3]),
      }),
    indices: z
      .unknown()
      .optional()
      .meta({
        description: 'Category drawn, 0-based: one number or [B], and with num_samples [S] or [S][B].',
        ...nested('integer', [0, 2]),
      }),
    noise: z
      .unknown()
      .optional()
      .meta({ description: 'The Gumbel noise of the draw, shaped like samples.', ...nested('number', [1, 3]) }),
    seed: z.unknown().meta({
      description: 'Seed as given, or the one that was drawn, as a decimal string.',
      oneOf: [{ type: ['integer', 'string'] }, { type: 'array', items: { type: ['integer', 'string'] } }],
    }),
    temperature: z.unknown().meta({ description: 'Temperature as used, in float32.', ...nested('number', [0, 1]) }),
    hard: z.boolean(),
    noise_version: z.string().meta({ description: 'Version of the noise contract; equal versions give equal bits.' }),
    provider: z.string().meta({ description: 'Execution provider that ran the graph.' }),
  })
  .meta({ id: 'SampleReply' });
