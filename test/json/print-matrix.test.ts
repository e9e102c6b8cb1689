import t from 'tap';
import { printDoubleSlices } from '../../src/json/print-doubles.js';
import { printFloatSlices, printFloats, printIntegerSlices, printIntegers } from '../../src/json/print-matrix.js';
import { float32OfBits, Random } from '../support/decimals.js';

/** The first float whose text does not read back to its bits, or is not the text JavaScript gives that decimal. */
function firstWrong(floats: Float32Array): string | undefined {
  const texts = printFloats(floats, [floats.length]).slice(1, -1).split(',');
  if (texts.length !== floats.length) return `${texts.length} texts of ${floats.length} floats`;
  const bits = new Int32Array(floats.buffer, floats.byteOffset, floats.length);
  const readBack = Float32Array.from(texts, Number);
  const readBackBits = new Int32Array(readBack.buffer);
  for (let index = 0; index < floats.length; index++) {
    const text = texts[index];
    const wrong = readBackBits[index] !== bits[index] || (text !== '-0' && String(Number(text)) !== text);
    if (wrong) return `${text} for bits ${bits[index]}`;
  }
  return undefined;
}

/** The shortest decimal that reads back, the nearest of them, found by trying every precision. */
function shortestBySearch(value: number): number {
  for (let precision = 1; precision <= 9; precision++) {
    const rounded = Number(value.toPrecision(precision));
    const step = 10 ** (Math.floor(Math.log10(Math.abs(value))) - precision + 1);
    const candidates = [rounded, rounded - step, rounded + step].map((near) => Number(near.toPrecision(precision)));
    const good = candidates.filter((candidate) => Math.fround(candidate) === value);
    good.sort((a, b) => Math.abs(a - value) - Math.abs(b - value));
    if (good.length > 0) return good[0];
  }
  return Number.NaN;
}

function significantDigits(text: string): number {
  return text.replace(/e.*/, '').replace(/[-.]/g, '').replace(/^0+/, '').replace(/0+$/, '').length;
}

/** Whether a text is as short and as near as the one found by search; of two equally near ones either is right. */
function isShortest(text: string, value: number): boolean {
  const found = shortestBySearch(value);
  // A decimal read as float64 is off by 2^-53 of it, and so is each distance.
  const slack = Math.abs(value) * 2 ** -51;
  const near = Math.abs(Number(text) - value) <= Math.abs(found - value) + slack;
  return near && significantDigits(text) === significantDigits(String(found));
}

/** Finite floats on the edges of the format: neighbours of all powers of two and ten, denormals, the largest. */
function edgeFloats(): Float32Array {
  const bits: number[] = [];
  for (let exponent = 0; exponent < 255; exponent++) {
    for (let offset = -20; offset <= 20; offset++) bits.push(exponent * 0x800000 + offset);
  }
  for (let power = -46; power <= 39; power++) {
    const near = new Int32Array(Float32Array.of(Number(`1e${power}`)).buffer)[0];
    for (let offset = -20; offset <= 20; offset++) bits.push(near + offset);
  }
  for (let denormal = 1; denormal < 5000; denormal++) bits.push(denormal);
  for (let integer = 1; integer < 5000; integer++) bits.push(new Int32Array(Float32Array.of(integer * 3347).buffer)[0]);
  const positive = bits.filter((value) => value >= 0 && value < 0x7f800000);
  return Float32Array.from([...positive, ...positive.map((value) => value + 0x80000000)], float32OfBits);
}

t.test('ten million random bit patterns read back to the same bits, in the notation of JavaScript', async (t) => {
  const random = new Random(7);
  const floats = new Float32Array(50_000);
  const bits = new Uint32Array(floats.buffer);
  let wrong: string | undefined;
  for (let done = 0; done < 10_000_000 && wrong === undefined; done += floats.length) {
    for (let index = 0; index < bits.length; index++) {
      bits[index] = random.uint32();
      if ((bits[index] & 0x7f800000) === 0x7f800000) bits[index] ^= 0x40000000;
    }
    wrong = firstWrong(floats);
  }
  t.equal(wrong, undefined);
});

t.test('powers of two and ten with their neighbours, denormals and integers read back', async (t) => {
  t.equal(firstWrong(edgeFloats()), undefined);
});

t.test('the text is the shortest there is, and the nearest of the shortest', async (t) => {
  const random = new Random(11);
  const scattered = Float32Array.from({ length: 100_000 }, () => float32OfBits(random.uint32())).filter(
    Number.isFinite,
  );
  for (const floats of [edgeFloats().filter((value) => value !== 0), scattered]) {
    const texts = printFloats(floats, [floats.length]).slice(1, -1).split(',');
    const wrong = texts.findIndex((text, index) => !isShortest(text, floats[index]));
    t.equal(wrong, -1, `${texts[wrong]} for ${floats[wrong]}`);
  }
});

t.test('the notation is that of JavaScript', async (t) => {
  const cases: [number, string][] = [
    [0, '0'],
    [-0, '-0'],
    [1, '1'],
    [-1, '-1'],
    [0.1, '0.1'],
    [-0.25, '-0.25'],
    [1e-6, '0.000001'],
    [1e-7, '1e-7'],
    [1.5e-7, '1.5e-7'],
    [1e20, '100000000000000000000'],
    [1e21, '1e+21'],
    [123, '123'],
    [16777216, '16777216'],
    [1234567.9, '1234567.9'],
    [-1e-45, '-1e-45'],
    [3.4028234663852886e38, '3.4028235e+38'],
    [Number.NaN, 'null'],
    [Number.POSITIVE_INFINITY, 'null'],
    [Number.NEGATIVE_INFINITY, 'null'],
  ];
  for (const [value, text] of cases) t.equal(printFloats(Float32Array.of(value), []), text);
});

/** Nested arrays by plain recursion. */
function nest(items: readonly string[], shape: readonly number[]): string {
  if (shape.length === 0) return items[0];
  const [size, ...inner] = shape;
  const part = items.length / size;
  return `[${Array.from({ length: size }, (_, index) => nest(items.slice(index * part, (index + 1) * part), inner)).join(',')}]`;
}

const shapes = [
  [],
  [1],
  [7],
  [1, 1],
  [3, 5],
  [5, 1],
  [1, 5],
  [2, 3, 4],
  [1, 1, 1],
  [3, 1, 2],
  [2, 4, 9],
  [4, 1, 1],
  [2, 0],
  [0],
  [0, 3],
  [2, 0, 2],
  [2, 2, 0],
  [2, 1, 3, 2],
  [1, 2, 1, 2, 3],
  [2, 1, 1, 1, 2, 1],
  [1, 1, 2, 1, 1, 2, 2],
  [2, 2, 1, 2, 1, 2, 1, 3],
  [2, 1, 2, 1, 2, 1, 2, 1, 2],
  [2, 2, 2, 2, 2, 2, 2, 2, 1],
  [1, 1, 1, 1, 1, 1, 1, 1, 5],
  [2, 1, 3, 0, 2],
];

t.test('every rank is nested as its shape says, one-hot rows included', async (t) => {
  const random = new Random(3);
  for (const shape of shapes) {
    const count = shape.reduce((product, size) => product * size, 1);
    const sparse = Float32Array.from({ length: count }, () => [0, 0, 0, 0, 0, 0, 1, -0.5][random.below(8)]);
    const expected = nest([...sparse].map(String), shape);
    t.equal(printFloats(sparse, shape), expected);
    t.equal([...printFloatSlices(sparse, shape)].join(''), expected);
    const integers = Int32Array.from({ length: count }, () => random.uint32());
    t.equal(printIntegers(integers, shape), nest([...integers].map(String), shape));
    t.equal([...printIntegerSlices(integers, shape)].join(''), nest([...integers].map(String), shape));
    if (count === 0) continue;
    const doubles = Float64Array.from(sparse, (value) => value / 3);
    t.equal([...printDoubleSlices(doubles, shape)].join(''), nest([...doubles].map(String), shape));
  }
});

t.test('integers of every length print as JavaScript does', async (t) => {
  const values = [0, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 32 - 1];
  for (let power = 1; power < 2 ** 32; power *= 10) values.push(power, power - 1, power + 1, -power, 9 * power);
  const unsigned = Uint32Array.from(values);
  const signed = Int32Array.from(values);
  t.equal(printIntegers(unsigned, [values.length]), JSON.stringify([...unsigned]));
  t.equal(printIntegers(signed, [values.length]), JSON.stringify([...signed]));
});

t.test(
  'large arrays come in slices of at most 64 KiB that join to the whole, whatever prints in between',
  async (t) => {
    const random = new Random(13);
    const nineAxes = [3, 4, 5, 4, 5, 1, 10, 4, 1];
    for (const shape of [[100_000], [1000, 100], [7, 100, 150], [50_000, 2], [3, 40_000, 1], nineAxes]) {
      const count = shape.reduce((product, size) => product * size, 1);
      const dense = Float32Array.from({ length: count }, () => Math.fround(random.uint32() / 2 ** 32));
      const sparse = dense.map((value) => (value < 0.05 ? 1 : 0));
      for (const floats of [dense, sparse]) {
        const slices: Buffer[] = [];
        for (const slice of printFloatSlices(floats, shape)) {
          slices.push(slice);
          printIntegers(Int32Array.of(1, 2, 3), [3]);
        }
        t.ok(slices.length > 1 && slices.every((slice) => slice.length <= 65_536));
        const text = Buffer.concat(slices).toString();
        t.equal(text, printFloats(floats, shape));
        t.same(Float32Array.from(JSON.parse(text).flat(8)), floats);
        t.equal(text.replace(/[^[\]]/g, ''), nest(new Array(count).fill(''), shape).replaceAll(',', ''));
      }
      const integers = Int32Array.from({ length: count }, () => random.uint32());
      t.equal([...printIntegerSlices(integers, shape)].join(''), nest([...integers].map(String), shape));
    }
  },
);

t.test('misuse is asserted', async (t) => {
  t.throws(() => printFloats(new Float32Array(3), [2]), /This is a bug\.$/);
  t.throws(() => printFloats(new Float32Array(1), Array(10).fill(1)), /This is a bug\.$/);
});
