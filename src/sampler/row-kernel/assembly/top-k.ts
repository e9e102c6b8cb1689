// The k categories of a row that are drawn without replacement, in order (Gumbel-top-k, Kool et al. 2019): the first is
// the index of the draw, the others follow by the exact sum l + g. z, a rounded float32, would leave no room for the
// noise beside a dominating logit.
//
// l + g of two float32 numbers is exactly s + e, with s their float32 sum and e its rounding error, which is a float32
// number too (TwoSum). As s is monotone in the sum, the order is that of the pairs (s, e). Equal pairs keep the order
// of their categories. An entry of the sort is a 64-bit number, s or e above the category. Rows are sorted by s, and
// the runs of equal s by e.

import { sort } from './sort';

/**
 * Up to so many places, one pass over the row keeps the best so far sorted: 12 bytes each, their pair and category.
 * Measured.
 */
const INSERTED_MAX: u32 = 16;
const INSERTED_BYTES: usize = 12;

/** From so many categories on, it pays to look for a threshold before a quarter of them is sorted. Measured. */
const SELECTED_MIN: u32 = 4096;

/** Counts of one digit: 2^11 words in page 0, above those of the sort. */
const COUNTS: usize = 49152;

/**
 * Writes the categories of the k places to the words at `to`. `entries` has room for 2 K of 8 bytes, at least 192
 * bytes. False where fewer than k have a finite logit.
 */
export function topK(to: usize, logits: usize, noise: usize, categories: u32, k: u32, index: u32, entries: usize): bool {
  if (k == 1) {
    store<u32>(to, index);
    return true;
  }
  if (k <= INSERTED_MAX) return insert(to, logits, noise, categories, k, index, entries);
  const selects = k <= categories / 4 && categories >= SELECTED_MIN;
  const threshold = selects ? keyOfPlace(logits, noise, categories, k) : 0xffffffff;
  const count = gather(logits, noise, categories, index, threshold, entries);
  const sorted = sort(entries, entries + <usize>categories * 8, count);
  sortTies(sorted, sorted == entries ? entries + <usize>categories * 8 : entries, min(count, k), count, logits, noise);
  for (let place: usize = 0; place < <usize>k; place++) store<u32>(to + place * 4, load<u32>(sorted + place * 8));
  return count >= k && load<u32>(sorted + <usize>(k - 1) * 8, 4) < MASKED;
}

/** A float as an unsigned number: the larger it is, the smaller. NaN, which only a masked category has, anywhere. */
@inline
function descending(value: f32): u32 {
  const bits = reinterpret<i32>(value);
  return <u32>(bits ^ (~(bits >> 31) & 0x7fffffff));
}

/** That of s = -Infinity. */
const MASKED: u32 = 0xff800000;

/** e, the rounding error of s = l + g. -0 becomes 0. */
@inline
function lost(l: f32, g: f32): f32 {
  const s = l + g;
  const part = s - l;
  return l - (s - part) + (g - part) + <f32>0;
}

/** Keeps the first k in order while going through the row: at most k K moves. */
function insert(to: usize, logits: usize, noise: usize, categories: u32, k: u32, index: u32, entries: usize): bool {
  let held: u32 = 1;
  store<u64>(entries, 0);
  store<u32>(entries, index, 8);
  let last = entries;
  for (let category: u32 = 0; category < categories; category++) {
    if (category == index) continue;
    const l = load<f32>(logits + <usize>category * 4);
    const g = load<f32>(noise + <usize>category * 4);
    const key = (<u64>descending(l + g) << 32) | <u64>descending(lost(l, g));
    if (held == k) {
      if (key >= load<u64>(last)) continue;
    } else {
      held++;
      last += INSERTED_BYTES;
    }
    // The first, whose key is 0, ends the search.
    let place = last;
    for (let before = place - INSERTED_BYTES; load<u64>(before) > key; before -= INSERTED_BYTES) {
      store<u64>(place, load<u64>(before));
      store<u32>(place, load<u32>(before, 8), 8);
      place = before;
    }
    store<u64>(place, key);
    store<u32>(place, category, 8);
  }
  for (let at = entries; at <= last; at += INSERTED_BYTES, to += 4) store<u32>(to, load<u32>(at, 8));
  return held == k && load<u32>(last, 4) < MASKED;
}

/**
 * The s in place k as a descending number, or one after it: 11, 11 and 10 bits at a time, while that leaves out much.
 */
function keyOfPlace(logits: usize, noise: usize, categories: u32, k: u32): u32 {
  let prefix: u32 = 0;
  let fixed: u32 = 0;
  let before: u32 = 0;
  for (let shift: i32 = 21; shift >= 0; shift = shift == 0 ? -1 : max(shift - 11, 0)) {
    memory.fill(COUNTS, 0, 2048 * 4);
    for (let at: usize = 0, end = <usize>categories * 4; at < end; at += 4) {
      const key = descending(load<f32>(logits + at) + load<f32>(noise + at));
      if ((key & fixed) != prefix) continue;
      const count = COUNTS + <usize>((key >> shift) & 2047) * 4;
      store<u32>(count, load<u32>(count) + 1);
    }
    let digit: u32 = 0;
    while (before + load<u32>(COUNTS + <usize>digit * 4) < k) {
      before += load<u32>(COUNTS + <usize>digit * 4);
      digit++;
    }
    prefix |= digit << shift;
    fixed = 0xffffffff << shift;
    if (before + load<u32>(COUNTS + <usize>digit * 4) <= k + k / 4 + 64) break;
  }
  return prefix | ~fixed;
}

/**
 * Lists the categories whose s is at most the threshold as a descending number, that of the index as 0. Returns how
 * many.
 */
function gather(logits: usize, noise: usize, categories: u32, index: u32, threshold: u32, entries: usize): u32 {
  let to = entries;
  for (let category: u32 = 0; category < categories; category++) {
    const s = load<f32>(logits + <usize>category * 4) + load<f32>(noise + <usize>category * 4);
    const key: u32 = category == index ? 0 : descending(s);
    // Stored in any case, and the end moves only if it stays: a branch would be mispredicted.
    store<u64>(to, (<u64>key << 32) | <u64>category);
    to += <usize>(key <= threshold) << 3;
  }
  return <u32>((to - entries) >> 3);
}

/** Sorts the runs of equal s that begin in the first `places` entries by e. */
function sortTies(entries: usize, scratch: usize, places: u32, count: u32, logits: usize, noise: usize): void {
  const end = entries + <usize>count * 8;
  for (let start = entries, placesEnd = entries + <usize>places * 8; start < placesEnd; ) {
    const s = load<u32>(start, 4);
    let next = start + 8;
    while (next < end && load<u32>(next, 4) == s) next += 8;
    if (next > start + 8 && s < MASKED) sortRun(start, scratch, next, s, logits, noise);
    start = next;
  }
}

function sortRun(start: usize, scratch: usize, end: usize, s: u32, logits: usize, noise: usize): void {
  for (let at = start; at < end; at += 8) {
    const place = <usize>load<u32>(at) * 4;
    store<u32>(at, descending(lost(load<f32>(logits + place), load<f32>(noise + place))), 4);
  }
  const sorted = sort(start, scratch, <u32>((end - start) >> 3));
  if (sorted != start) memory.copy(start, sorted, end - start);
  for (let at = start; at < end; at += 8) store<u32>(at, s, 4);
}
