/** Numbers as text: short in pictures, exact in tables. */

/** Three significant digits, without an exponent where that is readable. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e5)) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

export function percent(value: number): string {
  return `${(value * 100).toFixed(1)}\u00a0%`;
}

export function grouped(value: number): string {
  return value.toLocaleString('en');
}

/** Every digit that the service sent. */
export function exact(value: number): string {
  return String(value);
}
