/** How routes read JSON bodies: media type checks, then the parser of json/, which works on the bytes. */
import type { FastifyInstance, FastifyRequest, RequestPayload } from 'fastify';
import { Problem } from '../errors.js';
import { refuseOtherMediaTypes } from '../http/body-form.js';
import { readBody } from '../http/body-reader.js';
import { BodyFields } from '../json/body-fields.js';
import { NumberMatrix } from '../json/number-matrix.js';
import { parseBody } from '../json/parse-body.js';
import { keepFractions } from '../json/whole-numbers.js';
import { dropNulls, nullableFields } from '../schemas/absent-null.js';
import { scanLogits } from '../schemas/logits.js';

export interface JsonBodyLimits {
  readonly jsonBodyBytesMax: number;
  readonly rowsMax: number;
}

/** The most axes in front of the categories. */
const leadingAxesMax = 7;

const sampleAxes = 'those of logits, and with num_samples an axis of samples in front';
const rowAxes = 'flat, or those of logits without the axis of categories';

/** The long arrays of all routes, and the other fields that an error can point at. */
export function jsonBodyFields({ rowsMax }: Pick<JsonBodyLimits, 'rowsMax'>): BodyFields {
  return new BodyFields(
    {
      logits: {
        holds: 'numbers',
        axesMax: leadingAxesMax + 1,
        axes: '[categories], or up to seven axes in front. Flatten further axes; for several samples of a row send num_samples',
      },
      temperature: { holds: 'numbers', axesMax: leadingAxesMax, axes: rowAxes },
      hard: { holds: 'flags', axesMax: leadingAxesMax, axes: rowAxes, countMax: rowsMax },
      seed: { holds: 'seeds', axesMax: leadingAxesMax, axes: rowAxes, countMax: rowsMax },
      given_indices: { holds: 'numbers', axesMax: leadingAxesMax, axes: rowAxes, isWhole: true },
      cotangent: { holds: 'numbers', axesMax: leadingAxesMax + 2, axes: sampleAxes },
      samples: { holds: 'numbers', axesMax: leadingAxesMax + 2, axes: sampleAxes },
      log_samples: { holds: 'numbers', axesMax: leadingAxesMax + 2, axes: sampleAxes },
      indices: {
        holds: 'numbers',
        axesMax: leadingAxesMax + 1,
        axes: 'those of the samples without categories',
        isWhole: true,
      },
      top_indices: {
        holds: 'numbers',
        axesMax: leadingAxesMax + 2,
        axes: 'those of the samples, with k in place of categories',
        isWhole: true,
      },
    },
    ['return', 'num_samples', 'row_offset', 'sample_offset', 'noise', 'top_k', 'estimator', 'rao_samples', 'masks'],
  );
}

const form = { types: ['application/json'], typeMayBeAbsent: false };

type Done = (error: Error | null, body?: unknown) => void;

/** Parses a small body synchronously: a promise would cost more than the parsing. */
function parse({ memory }: FastifyRequest, bytes: Buffer, fields: BodyFields, done: Done): void {
  let body: unknown;
  try {
    if (bytes.length === 0) throw new Problem('malformed-json', 'The body is empty. Send one JSON object.');
    body = parseBody(bytes, fields, { memory });
  } catch (error) {
    done(error as Error);
    return;
  }
  if (body instanceof Promise) {
    body.then(scanLarge).then((scanned) => {
      // The numbers have buffers of their own, so the buffer of the bytes can be reused.
      memory.give(bytes.buffer as ArrayBuffer);
      dropNulls(scanned, nullableFields);
      done(null, scanned);
    }, done);
  } else {
    done(null, settleSmall(body));
  }
}

/** What is left to do to a small body: its text is short, so no promise. */
export function settleSmall(body: unknown): unknown {
  for (const name of wholeFields) void keepWhole(body, name);
  dropNulls(body, nullableFields);
  return body;
}

/** Arrays that should hold integers. */
const wholeFields = ['indices', 'top_indices', 'given_indices'];

function keepWhole(body: unknown, name: string): Promise<void> | undefined {
  const value = ((body ?? {}) as Record<string, unknown>)[name];
  return value instanceof NumberMatrix ? keepFractions(value) : undefined;
}

/** Scans large arrays in slices, one a turn of the event loop; the schema would scan logits in one go. */
async function scanLarge(body: unknown): Promise<unknown> {
  for (const name of wholeFields) await keepWhole(body, name);
  const { logits } = (body ?? {}) as { logits?: unknown };
  if (logits instanceof NumberMatrix) (body as { logits: unknown }).logits = await scanLogits(logits);
  return body;
}

/** Installs the parser for every route of `app` with a body. These routes refuse any other media type. */
export function readJsonBodies(app: FastifyInstance, limits: JsonBodyLimits): void {
  const fields = jsonBodyFields(limits);
  const bodyLimits = { bytesMax: limits.jsonBodyBytesMax };
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', (request: FastifyRequest, payload: RequestPayload, done: Done) => {
    readBody(request, payload, bodyLimits, (error, bytes) => {
      if (bytes) parse(request, bytes, fields, done);
      else done(error);
    });
  });
  refuseOtherMediaTypes(app, form);
}
