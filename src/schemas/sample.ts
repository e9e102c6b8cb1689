/**
 * Request and reply of POST /sample. The schema returns a SampleRequest: checked, with defaults and typed arrays. Its
 * bounds come from the configuration.
 */
import { z } from 'zod';
import { component } from './component.js';
import { type Draw, type DrawLimits, drawFields, drawReplyFields, toDraw } from './draw.js';
import { checkConditioned, givenIndicesField, readGiven } from './given-indices.js';
import { type IssueSink, report } from './issue.js';
import {
  isReturnName,
  type ReturnName,
  returnedWidth,
  returnNames,
  sampleReplyFields,
  topOutputNames,
} from './outputs.js';
import { sampleExamples, sampleReplyExamples } from './sample-examples.js';
import { readSeed, type Seed, seedField } from './seed.js';
import { checkTopK } from './top-k.js';

export interface SampleRequest {
  readonly draw: Draw;
  readonly returned: ReadonlySet<ReturnName>;
  /** 0 if the reply has no top_indices. */
  readonly topK: number;
  /** int32 [B]: the indices that the noise is conditioned on. */
  readonly given: Int32Array | undefined;
}

/** Checked without zod, which would check each of a million wrong names before it reports that there are too many. */
const returnField = z
  .unknown()
  .default(['samples', 'indices'])
  .transform((value, context): ReadonlySet<ReturnName> => {
    if (!Array.isArray(value) || value.length < 1 || value.length > returnNames.length) {
      report(context, 'validation', [], `must be an array of 1 to ${returnNames.length} of ${returnNames.join(', ')}`);
      return z.NEVER;
    }
    const wrong = value.findIndex((name) => !isReturnName(name));
    if (wrong >= 0) report(context, 'validation', [wrong], `must be one of ${returnNames.join(', ')}`);
    else if (new Set(value).size < value.length) report(context, 'validation', [], 'must not name an output twice');
    else return new Set(value.filter(isReturnName));
    return z.NEVER;
  })
  .meta({
    description:
      'What the reply carries. With hard, log_samples and log_prob describe the soft draw behind the one-hot one; index_log_prob is the log-probability of the category drawn. top_scores, top_threshold and top_log_prob need top_k.',
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
    given_indices: givenIndicesField,
    return: returnField,
  });
}

/**
 * @param limits bounds of a request
 * @param randomSeed makes the seed of a request without one: 64 random bits as a decimal string
 */
export function sampleRequest(limits: DrawLimits, randomSeed: () => string) {
  return fields(limits)
    .transform((body, context): SampleRequest => {
      const seed = body.seed ?? (readSeed(randomSeed(), context, 'random') as Seed);
      const draw = toDraw(body, seed, limits, context);
      if (!draw) return z.NEVER;
      const given = givenOf(body, draw, context);
      const request = { draw, returned: body.return, topK: body.top_k ?? 0, given };
      checkTopK(draw.logits, request.topK, context);
      checkTopOutputs(request, context);
      checkReturned(request, limits, context);
      return request;
    })
    .meta({ ...component('SampleRequest'), 'x-examples': sampleExamples });
}

/** What describes the categories of top_k needs top_k. */
function checkTopOutputs({ returned, topK }: SampleRequest, sink: IssueSink): void {
  if (topK > 0) return;
  for (const [position, name] of [...returned].entries()) {
    if (!topOutputNames.includes(name)) continue;
    report(sink, 'validation', ['return', position], `needs top_k: how many categories to draw`);
  }
}

function givenOf(body: z.output<ReturnType<typeof fields>>, draw: Draw, sink: IssueSink): Int32Array | undefined {
  if (body.given_indices === undefined) return undefined;
  checkConditioned(draw, body.top_k ?? 0, body.return, sink);
  return readGiven(body.given_indices, draw.logits, ['given_indices'], sink);
}

function checkReturned({ draw, returned, topK }: SampleRequest, limits: DrawLimits, sink: IssueSink): void {
  const draws = (draw.numSamples ?? 1) * draw.logits.rows;
  const numbers = draws * (topK + returnedWidth(returned, draw.logits.categories, topK));
  if (numbers <= limits.elementsReturnedMax) return;
  report(sink, 'too-many-elements', [], `returns more than ${limits.elementsReturnedMax} numbers`);
}

/** Reply of POST /sample. Large arrays are printed without zod, so this schema only documents. */
export const sampleReply = z
  .object({ ...sampleReplyFields, ...drawReplyFields })
  .meta({ ...component('SampleReply'), 'x-examples': sampleReplyExamples });
