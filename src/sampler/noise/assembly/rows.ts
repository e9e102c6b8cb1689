// Perturbed logits of many draws, and the argmax of each. Plain float32 operations, one rounding each, so that the bits
// are the same on every machine. kernel.ts makes the noise.
//
// The maximum is pmax, a < b ? b : a. It is one instruction; max takes several, for NaN and the sign of 0. There is no
// NaN here, and the sign of 0 changes neither a comparison nor (l - max) + g, because g is never -0.

/**
 * Adds (l - max l) to each draw's noise, in place; draw d takes row d % rowCount of the logits, of which at least one
 * is finite. Overwrites the rows with l - max l. draws, categories, rowCount >= 1.
 */
export function perturb(noise: usize, logits: usize, draws: u32, categories: u32, rowCount: u32): void {
  const rows = min(draws, rowCount);
  const sampleBytes = <usize>(rows * categories) * 4;
  for (let at: usize = 0; at < sampleBytes; at += <usize>categories * 4) perturbFirst(noise + at, logits + at, categories);
  // The rows of a sample are adjacent in both arrays, so each further sample is one addition of arrays.
  for (let draw = rows; draw < draws; draw += rows) {
    noise += sampleBytes;
    add(noise, logits, min(draws - draw, rows) * categories);
  }
}

/**
 * Writes the same z of one row to `z`, without changing noise and logits, and returns the largest z. A
 * difference of finite logits that leaves float32 makes z -Infinity, here only.
 */
export function perturbRow(z: usize, logits: usize, noise: usize, categories: u32, most: f32): f32 {
  const start = z;
  const end = logits + <usize>categories * 4;
  for (; logits + 16 <= end; z += 16, logits += 16, noise += 16) {
    v128.store(z, f32x4.add(f32x4.sub(v128.load(logits), f32x4.splat(most)), v128.load(noise)));
  }
  for (; logits < end; z += 4, logits += 4, noise += 4) store<f32>(z, load<f32>(logits) - most + load<f32>(noise));
  return largest(start, categories);
}

/** Writes each draw's index of the largest value, the lowest on a tie, to the words at `to`. draws, categories >= 1. */
export function argmax(to: usize, values: usize, draws: u32, categories: u32): void {
  for (let draw: u32 = 0; draw < draws; draw++) {
    store<u32>(to, indexOf(values, categories, largest(values, categories)));
    to += 4;
    values += <usize>categories * 4;
  }
}

/** The largest of count floats, count >= 1. Four independent maxima: with one, each step would wait for the last. */
export function largest(from: usize, count: u32): f32 {
  const end = from + <usize>count * 4;
  if (count < 4) {
    let most = load<f32>(from);
    for (from += 4; from < end; from += 4) most = max(most, load<f32>(from));
    return most;
  }
  // The last four floats as one vector. Some may be read twice, but there is no scalar tail.
  const last = end - 16;
  let m0 = v128.load(last);
  let m1 = m0;
  let m2 = m0;
  let m3 = m0;
  for (; from + 64 <= end; from += 64) {
    m0 = f32x4.pmax(m0, v128.load(from));
    m1 = f32x4.pmax(m1, v128.load(from, 16));
    m2 = f32x4.pmax(m2, v128.load(from, 32));
    m3 = f32x4.pmax(m3, v128.load(from, 48));
  }
  for (; from < last; from += 16) m0 = f32x4.pmax(m0, v128.load(from));
  const m = f32x4.pmax(f32x4.pmax(m0, m1), f32x4.pmax(m2, m3));
  const pair = f32x4.pmax(m, v128.shuffle<i64>(m, m, 1, 0));
  return f32x4.extract_lane(f32x4.pmax(pair, v128.shuffle<i32>(pair, pair, 1, 0, 3, 2)), 0);
}

/** The index of the first of count floats that equals the value. One does. */
export function indexOf(from: usize, count: u32, value: f32): u32 {
  const values = f32x4.splat(value);
  let at: u32 = 0;
  for (; at + 16 <= count; at += 16, from += 64) {
    const e0 = f32x4.eq(v128.load(from), values);
    const e1 = f32x4.eq(v128.load(from, 16), values);
    const e2 = f32x4.eq(v128.load(from, 32), values);
    const e3 = f32x4.eq(v128.load(from, 48), values);
    if (v128.any_true(v128.or(v128.or(e0, e1), v128.or(e2, e3)))) {
      const low = i16x8.narrow_i32x4_s(e0, e1);
      return at + ctz(<u32>i8x16.bitmask(i8x16.narrow_i16x8_s(low, i16x8.narrow_i32x4_s(e2, e3))));
    }
  }
  for (; at + 4 <= count; at += 4, from += 16) {
    const equal = f32x4.eq(v128.load(from), values);
    if (v128.any_true(equal)) return at + ctz(<u32>i32x4.bitmask(equal));
  }
  for (; at + 1 < count && load<f32>(from) != value; at++) from += 4;
  return at;
}

/** Writes l - max l to one row of logits, and adds it to the noise of the row's first sample in the same pass. */
function perturbFirst(noise: usize, row: usize, categories: u32): void {
  const most = largest(row, categories);
  const end = row + <usize>categories * 4;
  for (; row + 16 <= end; row += 16, noise += 16) {
    const l = f32x4.sub(v128.load(row), f32x4.splat(most));
    v128.store(row, l);
    v128.store(noise, f32x4.add(l, v128.load(noise)));
  }
  for (; row < end; row += 4, noise += 4) {
    const l = load<f32>(row) - most;
    store<f32>(row, l);
    store<f32>(noise, l + load<f32>(noise));
  }
}

/** to = from + to, count floats. */
function add(to: usize, from: usize, count: u32): void {
  const end = to + <usize>count * 4;
  for (; to + 64 <= end; to += 64, from += 64) {
    const z0 = f32x4.add(v128.load(from), v128.load(to));
    const z1 = f32x4.add(v128.load(from, 16), v128.load(to, 16));
    const z2 = f32x4.add(v128.load(from, 32), v128.load(to, 32));
    const z3 = f32x4.add(v128.load(from, 48), v128.load(to, 48));
    v128.store(to, z0);
    v128.store(to, z1, 16);
    v128.store(to, z2, 32);
    v128.store(to, z3, 48);
  }
  for (; to + 16 <= end; to += 16, from += 16) v128.store(to, f32x4.add(v128.load(from), v128.load(to)));
  for (; to < end; to += 4, from += 4) store<f32>(to, load<f32>(from) + load<f32>(to));
}
