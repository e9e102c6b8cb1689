// Compensated float64 sums, which carry the rounding errors of their additions (TwoSum: Knuth 1969, The Art of Computer
// Programming 2, 4.2.2).

/** The exact rounding error of sum = a + b, in each lane. */
@inline
export function lost(a: v128, b: v128, sum: v128): v128 {
  const part = f64x2.sub(sum, a);
  return f64x2.add(f64x2.sub(a, f64x2.sub(sum, part)), f64x2.sub(b, part));
}

/** The same of one number. */
@inline
export function lostOf(a: f64, b: f64, sum: f64): f64 {
  const part = sum - a;
  return a - (sum - part) + (b - part);
}

/** Adds the two lanes of a sum and of its errors to one number. */
@inline
export function total(sums: v128, losts: v128): f64 {
  const a = f64x2.extract_lane(sums, 0);
  const b = f64x2.extract_lane(sums, 1);
  const sum = a + b;
  return sum + (lostOf(a, b, sum) + (f64x2.extract_lane(losts, 0) + f64x2.extract_lane(losts, 1)));
}
