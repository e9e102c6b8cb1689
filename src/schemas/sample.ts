/**
 * Request and reply of POST /sample. The request schema ends in a SampleRequest: every check is done, every default filled in,
 * arrays are typed. Its bounds come from the configuration.
 */
import { z } from 'zod';
import { component } from './component.js';
import { type Draw, type DrawLimits, drawFields, drawReplyFields, toDraw } from './draw.js';
import { type IssueSink, report } from './issue.js';
import { nested } from './nested.js';
import { sampleExamples, sampleReplyExamples } from './sample-examples.js';
import { readSeed, type Seed, seedField } from './seed.js';
import { checkTopK } from './top-k.js';

const returnNames = ['samples', 'indices', 'log_samples', 'log_prob', 'noise'] as const;
export type ReturnName = (typeof returnNames)[number];

export interface SampleRequest {
  readonly draw: Draw;
  readonly returned: ReadonlySet<ReturnName>;
  /** 0 when the reply has no top_indices. */
  readonly topK: number;
}

/** Checked by hand: zod would look at each of a million wrong names before it says that there are too many. */
const returnField = z
  .unknown()
  .default(['samples', 'indices'])
  .transform((value, context): ReadonlySet<ReturnName> => {
    const isName = (name: unknown): name is ReturnName => returnNames.includes(name as ReturnName);
    if (!Array.isArray(value) || value.length < 1 || value.length > returnNames.length) {
      report(context, 'validation', [], `must be an array of 1 to ${returnNames.length} of ${returnNames.join(', ')}`);
      return z.NEVER;
    }
    const wrong = value.findIndex((name) => !isName(name));
    if (wrong >= 0) report(context, 'validation', [wrong], `must be one of ${returnNames.join(', ')}`);
    else if (new Set(value).size < value.length) report(context, 'validation', [], 'must not name an output twice');
    else return new Set(value as ReturnName[]);
    return z.NEVER;
  })
  .meta({
    description:
      'What the reply carries. With hard, log_samples and log_prob describe the soft draw behind the one-hot one.',
    type: 'array',
    minItems: 1,
    maxItems: returnNames.length,
    uniqueItems: true,
    items: { ...component('OutputName'), type: 'string', enum: [...returnNames] },
  });

function fields(limits: DrawLimits) {
  return z.strictObject({
    ...drawFields(limits, seedField(limits)),
    top_k: z.int().min(1).optional().meta({
      description:
        'Adds top_indices: this many categories of each row, drawn without replacement (Gumbel-top-k), the first of them the index. It truncates nothing: mask with null what must not be drawn. At most the number of unmasked categories.',
      maximum: limits.categoriesMax,
      format: 'int64',
    }),
    return: returnField,
  });
}

/**
 * The request schema.
 *
 * @param limits bounds of a request
 * @param randomSeed draws the seed of a request that has none, as a decimal string of 64 random bits
 */
export function sampleRequest(limits: DrawLimits, randomSeed: () => string) {
  return fields(limits)
    .transform((body, context): SampleRequest => {
      const seed = body.seed ?? (readSeed(randomSeed(), context, 'random') as Seed);
      const draw = toDraw(body, seed, limits, context);
      if (!draw) return z.NEVER;
      const request = { draw, returned: body.return, topK: body.top_k ?? 0 };
      checkTopK(draw.logits, request.topK, context);
      checkReturned(request, limits, context);
      return request;
    })
    .meta({ ...component('SampleRequest'), 'x-examples': sampleExamples });
}

/** Numbers of a draw that a reply carries for each name. */
function checkReturned({ draw, returned, topK }: SampleRequest, limits: DrawLimits, sink: IssueSink): void {
  const draws = (draw.numSamples ?? 1) * draw.logits.rows;
  let perDraw = topK;
  for (const name of returned) perDraw += name === 'indices' || name === 'log_prob' ? 1 : draw.logits.categories;
  if (draws * perDraw <= limits.elementsReturnedMax) return;
  report(sink, 'too-many-elements', [], `returns more than ${limits.elementsReturnedMax} numbers`);
}

function output(description: string, shape: { oneOf: object[] }) {
  return z
    .unknown()
    .optional()
    .meta({ description, ...shape });
}

/** What POST /sample replies; large arrays are printed outside zod, so this schema only documents. */
export const sampleReply = z
  .object({
    samples: output(
      'float32, [K] or [B][K], and with num_samples [S][K] or [S][B][K]. Soft samples lie on the simplex; hard ones are one-hot.',
      nested('Float32', 1, 3),
    ),
    indices: output(
      'Category drawn, 0-based: one number or [B], and with num_samples [S] or [S][B].',
      nested('Int64', 0, 2),
    ),
    top_indices: output(
      'Categories drawn without replacement, in order: shaped like samples, with top_k for K.',
      nested('Int64', 1, 3),
    ),
    log_samples: output(
      'Logarithm of the soft samples, shaped like samples; null where masked. Does not underflow.',
      nested('MaskedFloat32', 1, 3),
    ),
    log_prob: output(
      'Log-density of the soft draw at log_samples, float64, shaped like indices; null for -infinity.',
      nested('LogDensity', 0, 2),
    ),
    noise: output('The Gumbel noise of the draw, shaped like samples.', nested('Float32', 1, 3)),
    ...drawReplyFields,
  })
  .meta({ ...component('SampleReply'), 'x-examples': sampleReplyExamples });
