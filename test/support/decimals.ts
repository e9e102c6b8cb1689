/**
 * Decimals that are hard to round, made from a seeded generator so that a failure can be repeated. Each list aims at
 * one way of getting a number wrong; the reference in every test is Math.fround(JSON.parse(text)).
 */

/** xorshift32 (Marsaglia 2003): good enough to scatter test values, and the same on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  uint32(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }

  below(limit: number): number {
    return this.uint32() % limit;
  }

  digits(count: number): string {
    let digits = '';
    while (digits.length < count) digits += String(this.uint32()).padStart(10, '0');
    return digits.slice(0, count);
  }
}

const words = new Uint32Array(2);
const float64 = new Float64Array(words.buffer);
const float32 = new Float32Array(words.buffer, 0, 1);

export function float32OfBits(bits: number): number {
  words[0] = bits;
  return float32[0];
}

function finiteFloat32(random: Random): number {
  let value = Number.NaN;
  while (!Number.isFinite(value)) value = float32OfBits(random.uint32());
  return value;
}

/** Any float64 whose exponent is not all ones, most of them 0 or infinite as float32. */
function anyFloat64(random: Random): string {
  words[0] = random.uint32();
  words[1] = random.uint32();
  return Number.isFinite(float64[0]) ? String(float64[0]) : '0';
}

/**
 * A float64 within the exponents of float32 and a little beyond, spelled by its shortest decimal of up to 17 digits.
 */
function float64NearFloat32(random: Random): string {
  words[0] = random.uint32();
  words[1] =
    (random.below(2) * 0x80000000 + (1023 - 155 + random.below(290)) * 0x100000 + random.below(0x100000)) >>> 0;
  return String(float64[0]);
}

/** A short decimal of any spelling the grammar has. */
function anySpelling(random: Random): string {
  const sign = random.below(2) === 0 ? '-' : '';
  const integer = random.below(4) === 0 ? '0' : String(1 + random.below(10 ** (1 + random.below(9))));
  const fraction = random.below(3) === 0 ? '' : `.${random.digits(1 + random.below(20))}`;
  const letter = random.below(2) === 0 ? 'e' : 'E';
  const exponentSign = ['', '+', '-'][random.below(3)];
  const exponent = random.below(2) === 0 ? '' : `${letter}${exponentSign}${random.digits(1 + random.below(2))}`;
  return sign + integer + fraction + exponent;
}

/** The exact decimal of a float64 that has one of at most a thousand digits: every binary fraction does. */
function exactDecimal(numerator: bigint, exponent2: number): string {
  if (exponent2 >= 0) return String(numerator << BigInt(exponent2));
  const digits = String(numerator * 5n ** BigInt(-exponent2)).padStart(1 - exponent2, '0');
  const point = digits.length + exponent2;
  return `${digits.slice(0, point)}.${digits.slice(point)}`;
}

/**
 * A decimal halfway between two float32, or with `bits` 54 between two float64, and its nearest neighbours on both
 * sides.
 */
function halfway(random: Random, bits: number): string {
  const significand =
    (1n << BigInt(bits - 1)) |
    ((BigInt(random.uint32()) * 0x1_0000_0000n + BigInt(random.uint32())) % (1n << BigInt(bits - 1)));
  const odd = significand | 1n;
  const exponent2 = random.below(276) - 150 - bits + 24;
  const exact = exactDecimal(odd, exponent2);
  const choice = random.below(4);
  if (choice === 0) return exact;
  if (choice === 1) return `${exact}${exact.includes('.') ? '' : '.'}${'0'.repeat(random.below(30))}1`;
  const last = exact.search(/[1-9]0*$/);
  if (choice === 2 && exact.includes('.'))
    return `${exact.slice(0, last)}${Number(exact[last]) - 1}${'9'.repeat(5 + random.below(30))}`;
  return String(Number(exact));
}

/**
 * A float32 halfway case pushed off by less than half a float64: float64 rounding makes a tie of it (double rounding).
 */
function doubleRounding(random: Random): string {
  const odd = BigInt(0x1000000 + random.below(0x1000000)) | 1n;
  const exponent2 = random.below(250) - 150;
  const nudged = (odd << 60n) + (random.below(2) === 0 ? 1n : -1n) * (1n << BigInt(random.below(36)));
  return exactDecimal(nudged, exponent2 - 60);
}

function denormal(random: Random): string {
  const kind = random.below(3);
  if (kind === 0) return String(float32OfBits(random.below(0x800000)));
  if (kind === 1) return `${random.below(10)}.${random.digits(random.below(25) + 1)}e-${36 + random.below(12)}`;
  return `${random.below(10)}.${random.digits(17)}e-${300 + random.below(30)}`;
}

function overflow(random: Random): string {
  const near = [
    '3.4028235',
    '3.40282356',
    '3.4028235677973366',
    '3.4028235677973362',
    '3.40282346638528859',
    '1.7976931348623157',
  ];
  return `${near[random.below(near.length)]}${random.digits(random.below(6))}e${[37, 38, 39, 308, 309][random.below(5)]}`;
}

function long(random: Random): string {
  const zeros = '0'.repeat(random.below(400));
  const digits = random.digits(1 + random.below(1000));
  const exponent = random.below(2) === 0 ? '' : `e${random.below(900) - 450}`;
  return random.below(2) === 0 ? `0.${zeros}${digits}${exponent}` : `1${digits}.${zeros}${digits}${exponent}`;
}

function hugeExponent(random: Random): string {
  return `${random.below(3)}.${random.digits(3)}e${random.below(2) === 0 ? '-' : ''}${random.digits(1 + random.below(30))}`;
}

export interface Family {
  readonly name: string;
  /** How much dearer than a plain decimal one is to make and to check. */
  readonly cost: number;
  readonly make: (random: Random) => string;
}

export const families: readonly Family[] = [
  { name: 'float64 of any size', cost: 1, make: anyFloat64 },
  { name: 'float64 near float32', cost: 0.15, make: float64NearFloat32 },
  { name: 'float32 as float64 text', cost: 1, make: (random) => String(finiteFloat32(random)) },
  { name: 'every spelling', cost: 1, make: anySpelling },
  { name: 'halfway between float32', cost: 20, make: (random) => halfway(random, 25) },
  { name: 'halfway between float64', cost: 20, make: (random) => halfway(random, 54) },
  { name: 'double rounding', cost: 20, make: doubleRounding },
  { name: 'denormals', cost: 2, make: denormal },
  { name: 'overflow', cost: 2, make: overflow },
  { name: 'up to a thousand digits', cost: 100, make: long },
  { name: 'huge exponents', cost: 4, make: hugeExponent },
];

/** Numbers somebody got wrong once, or that sit on an edge of this codec's own making. */
export const edgeDecimals: readonly string[] = [
  '0',
  '-0',
  '0.0',
  '-0.0e-5',
  '0e999999999999',
  '0.000e+5',
  '1E+05',
  '1e-5',
  '-1e05',
  '1e00',
  '1e-0',
  '16777217',
  '16777216.000000001',
  '16777219',
  '9007199254740993',
  '9007199254740992.5',
  '18446744073709551616',
  '18446744073709551615',
  '9999999999999999999',
  '99999999999999999999',
  '0.00000000000000000001',
  '1e19',
  '1e22',
  '1e23',
  '3.4028234663852886e38',
  '3.4028235677973365e38',
  '3.4028235677973366e38',
  '3.4028235677973367e38',
  '1e38',
  '1e39',
  '1e400',
  '-1e400',
  '1.401298464324817e-45',
  '7.006492321624085e-46',
  '7.006492321624086e-46',
  '7.0064923216240853e-46',
  '7.0064923216240854e-46',
  '1e-45',
  '1e-46',
  '1e-65',
  '1e-66',
  '9999999999999999999e-66',
  '9999999999999999999e-65',
  '5e-324',
  '2.2250738585072011e-308',
  '1.1754943508222875e-38',
  '1.1754942106924411e-38',
  '8.589973e9',
  '0.1',
  '0.2',
  '0.3',
  '1.00000005960464477539062',
  '1.000000059604644775390625',
  '1.0000000596046447753906250000000000000000001',
  '1.00000017881393432617187499',
  '100000000000000000000000000000000000000',
  '12345678',
  '1.2345678',
  '1.23456789',
  '1.2345678901234567',
  '1.12345678123456781',
  `1${'0'.repeat(1000)}e-1000`,
  `0.${'0'.repeat(1000)}1e1001`,
];
