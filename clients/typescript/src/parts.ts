/**
 * Large calls in parts. Rows and samples of a draw are numbered, so a part is drawn with the noise that it has in the
 * whole, and the whole is put together bit for bit.
 */
import { ServiceError } from './service-error.js';
import type { NumberArray } from './tensor.js';

/** Rows from `row` on, samples from `sample` on. */
export interface Part {
  readonly row: number;
  readonly rows: number;
  readonly sample: number;
  readonly samples: number;
}

/** What is sent and returned by the row, to find parts that the limits of a service allow. */
export interface Sizes {
  readonly categories: number;
  /** Numbers returned of one sample of one row. */
  readonly returned: number;
  /** Whether samples can be asked for apart: a gradient is summed over them. */
  readonly splitsSamples: boolean;
}

/** Most numbers that a request sends or gets back: 16 MiB, a quarter of what a service takes by default. */
const numbersMax = 2 ** 22;

/** The defaults of a service (docs/configuration.md): rows, samples, and a quarter of the elements drawn at once. */
const rowsMax = 65_536;
const samplesMax = 1_000_000;
const drawnMax = 2 ** 28;

/** What a service with other limits says to a part that is too large for it. */
const tooLarge = ['body-too-large', 'too-many-elements', 'too-much-work'];

/**
 * Sends a call in parts that common limits allow, one after the other. A part that the service finds too large is
 * halved.
 */
export async function sendParts(whole: Part, sizes: Sizes, send: (part: Part) => Promise<void>): Promise<void> {
  const waiting = [whole];
  for (let part = waiting.pop(); part; part = waiting.pop()) {
    const halves = halvesOf(part, sizes);
    if (halves && !isSmall(part, sizes)) {
      waiting.push(...halves);
      continue;
    }
    try {
      await send(part);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      if (!halves || !tooLarge.includes(error.code)) throw part === whole ? error : withPlace(error, part);
      waiting.push(...halves);
    }
  }
}

function isSmall({ rows, samples }: Part, { categories, returned }: Sizes): boolean {
  return (
    rows <= rowsMax &&
    samples <= samplesMax &&
    rows * categories <= numbersMax &&
    rows * samples * returned <= numbersMax &&
    rows * samples * categories <= drawnMax
  );
}

/** The second half first: the first one is taken from the end. Whole samples are adjacent, so they are split first. */
function halvesOf(part: Part, { categories, splitsSamples }: Sizes): [Part, Part] | undefined {
  const { row, rows, sample, samples } = part;
  const rowsAreTooMany = rows > rowsMax || rows * categories > numbersMax;
  if (samples > 1 && splitsSamples && !(rows > 1 && rowsAreTooMany)) {
    const half = Math.ceil(samples / 2);
    return [
      { ...part, sample: sample + half, samples: samples - half },
      { ...part, samples: half },
    ];
  }
  if (rows === 1) return undefined;
  const half = Math.ceil(rows / 2);
  return [
    { ...part, row: row + half, rows: rows - half },
    { ...part, rows: half },
  ];
}

/** Pointers and rows of an error are those of the part that was sent. */
function withPlace(error: ServiceError, { row, rows, sample, samples }: Part): ServiceError {
  const place = ` (in the part with rows ${row} to ${row + rows - 1}, samples ${sample} to ${sample + samples - 1})`;
  const { code, detail, status, title, errors, requestId, retryAfterSeconds } = error;
  return new ServiceError(code, detail, { status, title, errors, requestId, retryAfterSeconds, place, cause: error });
}

/** The whole of an output, [samples, rows, width], from its parts. */
export class Whole<Data extends NumberArray> {
  readonly #whole: Part;
  #data: Data | undefined;

  constructor(whole: Part) {
    this.#whole = whole;
  }

  get data(): Data {
    if (!this.#data) throw new Error('No part of the call was answered. This is a bug.');
    return this.#data;
  }

  add(part: Part, data: Data): void {
    const { rows, samples } = this.#whole;
    if (part.rows === rows && part.samples === samples) {
      this.#data = data;
      return;
    }
    const width = data.length / (part.rows * part.samples);
    const Kind = data.constructor as new (length: number) => Data;
    this.#data ??= new Kind(samples * rows * width);
    const size = part.rows * width;
    for (let at = 0; at < part.samples; at++) {
      const start = ((part.sample + at) * rows + part.row) * width;
      this.#data.set(data.subarray(at * size, (at + 1) * size) as never, start);
    }
  }
}
