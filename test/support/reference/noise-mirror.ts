// The kernel's transform, operation by operation, with Math.fround after each: the bits of docs/noise-contract.md in
// scalar TypeScript. float64 + - * of two float32 numbers, rounded to float32, equals the float32 operation (53 >= 2 *
// 24 + 2, Figueroa 1995).

const f = Math.fround;
const float = new Float32Array(1);
const int = new Int32Array(float.buffer);

function bitsOf(x: number): number {
  float[0] = x;
  return int[0];
}

function fromBits(bits: number): number {
  int[0] = bits;
  return float[0];
}

const LN2_FIELD = fromBits(0x33b17218);

/** Coefficients as float32 bits, lowest power first. docs/noise-contract.md lists the same. */
export const COEFFICIENTS = {
  A: [0x3effff62, 0x3eaad1cd, 0x3e7987d3, 0x3e870292, 0xbe394b93, 0x3f9ab797, 0xbfd1de4a, 0x3fb50e9b],
  B: [0x3effffc4, 0xbeaaaa4c, 0x3e800f5f, 0xbe4d026c, 0x3e278bfd, 0xbe0df3fa, 0x3e200ab1, 0xbe153057],
};

const A = COEFFICIENTS.A.map(fromBits);
const B = COEFFICIENTS.B.map(fromBits);

/** g of a first word b and, where b < 2^24, a second word r, as the kernel computes it. */
export function mirrorGumbel(b: number, r: number): number {
  return secondLog(firstLog(uniform(b, r)));
}

function uniform(b: number, r: number): number {
  if (b >= 2 ** 24) return Math.min(f(f(b) * 2 ** -32), 1 - 2 ** -24);
  const sum = f(f(b) + f(f(r) * 2 ** -32));
  return Math.max(f(sum * 2 ** -32), 2 ** -65);
}

function firstLog(v: number): number {
  const nField = Math.max(0x3f000000 - (bitsOf(f(1 - v)) & 0x7f800000), 0);
  const scale = fromBits(nField + 0x3f800000);
  const x = f(f(v * scale) + f(1 - scale));
  const nLog2 = f(f(nField) * LN2_FIELD);
  const xx = f(x * x);
  return f(x + f(f(xx * polynomial(A, x, xx)) + nLog2));
}

function secondLog(t: number): number {
  const eField = (bitsOf(t) - 0x3f2aaaab) & 0xff800000;
  const y = f(fromBits(bitsOf(t) - eField) - 1);
  const yy = f(y * y);
  const rest = f(f(yy * polynomial(B, y, yy)) - y);
  return f(f(f(eField) * -LN2_FIELD) + rest);
}

function polynomial(c: readonly number[], x: number, xx: number): number {
  const [c0, c1, c2, c3, c4, c5, c6, c7] = c;
  const even = f(f(f(f(f(f(c6 * xx) + c4) * xx) + c2) * xx) + c0);
  const odd = f(f(f(f(f(f(c7 * xx) + c5) * xx) + c3) * xx) + c1);
  return f(even + f(odd * x));
}
