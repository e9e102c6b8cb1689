/** What parsing a body takes: memory by its text, little work at a time, and nothing for a client that has gone. */
import t, { type Test } from 'tap';
import { CallerGone, Problem } from '../../src/errors.js';
import type { Memory } from '../../src/json/array-reader.js';
import { BodyFields } from '../../src/json/body-fields.js';
import { BodyScan } from '../../src/json/body-scan.js';
import { textBytesMax } from '../../src/json/codec-instance.js';
import { parseBody, parseBodySync } from '../../src/json/parse-body.js';
import { BufferPool } from '../../src/runtime/buffer-pool.js';

const fields = new BodyFields({
  logits: { holds: 'numbers', axesMax: 2 },
  temperature: { holds: 'numbers', axesMax: 1 },
  cotangent: { holds: 'numbers', axesMax: 3 },
  seed: { holds: 'seeds', axesMax: 7, countMax: 2 ** 24 },
  'inputs[].data': { holds: 'elements', axesMax: 3 },
});

/** Counts what is held, as it is really allocated, and its peak. */
class CountedMemory implements Memory {
  readonly #buffers = new BufferPool(0, 4);
  bytes = 0;
  peak = 0;
  gone = false;

  take(bytes: number): ArrayBuffer {
    const buffer = this.#buffers.take(bytes);
    this.hold(buffer.byteLength);
    return buffer;
  }

  give(buffer: ArrayBuffer): void {
    this.free(buffer.byteLength);
  }

  hold(bytes: number): void {
    this.bytes += bytes;
    this.peak = Math.max(this.peak, this.bytes);
  }

  free(bytes: number): void {
    this.bytes -= bytes;
  }
}

/** Bodies of about so many bytes in shapes that are legal for the parser, and in some that are not. */
function bodiesOf(size: number): Readonly<Record<string, string>> {
  /** An array of one unit again and again. */
  const many = (unit: string, bytes = size) => `[${`${unit},`.repeat(Math.floor(bytes / (unit.length + 1)))}${unit}]`;
  const space = ' '.repeat(size);
  return {
    'rows of one number': `{"logits":${many('[1]')}}`,
    'rows of none': `{"logits":${many('[]')}}`,
    'samples of one number': `{"cotangent":${many('[[1]]')}}`,
    'samples of none': `{"cotangent":${many('[[]]')}}`,
    'samples without rows': `{"cotangent":[[[1]],${many('[]').slice(1)}}`,
    'numbers of one digit': `{"logits":${many('1')}}`,
    nulls: `{"logits":${many('null')}}`,
    'numbers of 17 digits': `{"logits":${many('0.12345678901234567')}}`,
    'numbers that only the host can round': `{"logits":${many('1.00000005960464477539062')}}`,
    'dense numbers behind sparse ones': `{"logits":[${'1.000000000000000000,'.repeat(size / 50)}${many('1').slice(1)}}`,
    'one row behind much white space': `{"logits":[${space}1,${space}2]}`,
    'ragged samples': `{"cotangent":[${'[[1],[1,2]],'.repeat(size / 12.5)}[[1]]]}`,
    'temperatures of one digit': `{"temperature":${many('1')}}`,
    'seeds of one digit': `{"seed":${many('1')}}`,
    'seeds of 20 digits': `{"seed":${many('"18446744073709551615"')}}`,
    flags: `{"inputs":[{"data":${many('true')}}]}`,
    'elements of one digit': `{"inputs":[{"data":${many('1')}}]}`,
    'a second field of the same name': `{"logits":${many('1', size / 2.5)},"logits":${many('1', size / 2.5)}}`,
    'too deep': `{"logits":${many('[[1]]')}}`,
    'a string among numbers': `{"logits":[${'1,'.repeat(size / 2.5)}"x"]}`,
    'an object among seeds': `{"seed":[${'1,'.repeat(size / 2.5)}{}]}`,
    'a body that ends too early': `{"logits":${many('1').slice(0, -1)}`,
    'nested plain JSON': `{"x":${'['.repeat(size / 2)}`,
    'members without end': `{"x":{${'"a":1,'.repeat(size / 6.6)}"a":1}}`,
    'a string without end': `{"x":"${'x'.repeat(size)}`,
    'a key without end': `{"${'k'.repeat(size)}`,
    'white space': `${space}{${space}"logits":[1],${space}"x":1}${space}`,
  };
}

const bodies = bodiesOf(1_000_000);
/** The same, for mutants, which are not tried with the larger ones. */
const smallBodies = bodiesOf(50_000);

function checkMemory(t: Test, bodies: Readonly<Record<string, string>>): void {
  for (const [title, text] of Object.entries(bodies)) {
    const memory = new CountedMemory();
    try {
      parseBodySync(Buffer.from(text), fields, { memory });
    } catch (error) {
      if (!(error instanceof Problem) && (error as Error).name !== 'MalformedJsonError') throw error;
      t.equal(memory.bytes, 0, `${title}: refused, and nothing is held`);
    }
    t.ok(memory.peak <= 8 * text.length, `${title}: ${(memory.peak / text.length).toFixed(2)} bytes for each byte`);
  }
}

t.test('the memory for parsing is at most 8 bytes for each byte of text, whatever its shape', async (t) =>
  checkMemory(t, bodies),
);

t.test('the memory for parsing a body of 50 KB is at most 8 bytes for each of its bytes, too', async (t) =>
  checkMemory(t, smallBodies),
);

t.test('a step of the scan does the work of at most two slices, and at most 32 KiB outside the arrays', async (t) => {
  // A failed array of 16 KiB is walked twice, and a slice with hard tokens costs more than its bytes: 4096 of 256.
  const costMax = 2 * textBytesMax + 4096 * 256;
  for (const [title, text] of Object.entries(bodies)) {
    const scan = new BodyScan(Buffer.from(text), fields, textBytesMax, new CountedMemory());
    let most = 0;
    try {
      while (!scan.finished) most = Math.max(most, scan.step());
    } catch (error) {
      if (!(error instanceof Problem) && (error as Error).name !== 'MalformedJsonError') throw error;
    }
    t.ok(most <= costMax, `${title}: ${most}`);
  }
});

t.test('parsing stops in the turn after its client has gone, and gives back what it held', async (t) => {
  for (const title of ['rows of one number', 'numbers of one digit', 'seeds of one digit', 'flags']) {
    const memory = new CountedMemory();
    let turns = 0;
    Object.defineProperty(memory, 'gone', {
      get: () => {
        turns += 1;
        return turns === 3;
      },
    });
    const parsing = parseBody(Buffer.from(bodies[title]), fields, { memory, turnBytesMax: 100_000 });
    await t.rejects(Promise.resolve(parsing), CallerGone, title);
    t.equal(memory.bytes, 0, `${title}: nothing is held`);
    t.ok(memory.peak > 0, `${title}: something was`);
  }
});
