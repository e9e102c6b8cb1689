// A stable sort of 64-bit entries by their upper half. Entries come in the order of their lower halves. The time is
// proportional to the number of entries, whatever their values.

/** Up to so many entries: insertion sort. Measured. */
const INSERTION_MAX: u32 = 16;

/**
 * Below so many entries: merge sort. From then on: radix sort by digits of 8 bits, and of 11 bits from WIDE_MIN on, as
 * more counts take longer to add up. Measured.
 */
const DIGITS_MIN: u32 = 256;
const WIDE_MIN: u32 = 4096;

/** Counts of all digits, at most 3 times 2^11 words: in page 0, above the module's data. */
const COUNTS: usize = 8192;

/** Sorts `count` entries and returns where they lie, here or there; both have room for all. */
export function sort(here: usize, there: usize, count: u32): usize {
  if (count <= INSERTION_MAX) {
    insertionSort(here, here + <usize>count * 8);
    return here;
  }
  if (count < DIGITS_MIN) return mergeSort(here, there, <usize>count * 8);
  return count < WIDE_MIN ? digitSort(here, there, count, 8, 4) : digitSort(here, there, count, 11, 3);
}

function insertionSort(start: usize, end: usize): void {
  for (let at = start + 8; at < end; at += 8) {
    const entry = load<u64>(at);
    let place = at;
    for (; place > start && load<u64>(place - 8) > entry; place -= 8) store<u64>(place, load<u64>(place - 8));
    store<u64>(place, entry);
  }
}

function mergeSort(here: usize, there: usize, bytes: usize): usize {
  let width: usize = 8 * 8;
  for (let start: usize = 0; start < bytes; start += width) insertionSort(here + start, here + min(start + width, bytes));
  for (; width < bytes; width *= 2) {
    for (let start: usize = 0; start < bytes; start += 2 * width) {
      const middle = min(start + width, bytes);
      merge(there + start, here + start, here + middle, here + min(middle + width, bytes));
    }
    const merged = there;
    there = here;
    here = merged;
  }
  return here;
}

/** Merges two runs that follow one another. Chosen without a branch, which would be mispredicted half of the time. */
function merge(to: usize, left: usize, middle: usize, end: usize): void {
  let right = middle;
  while (left < middle && right < end) {
    const a = load<u64>(left);
    const b = load<u64>(right);
    const first = a <= b;
    store<u64>(to, select<u64>(a, b, first));
    left += <usize>first << 3;
    right += <usize>!first << 3;
    to += 8;
  }
  if (left < middle) memory.copy(to, left, middle - left);
  else if (right < end) memory.copy(to, right, end - right);
}

/** Radix sort, least significant digit first. A digit that all entries share takes no pass. */
function digitSort(here: usize, there: usize, count: u32, digitBits: u32, passes: u32): usize {
  const digits: u32 = <u32>1 << digitBits;
  const countsBytes = <usize>digits * 4;
  const mask = digits - 1;
  const bytes = <usize>count * 8;
  const countsEnd = COUNTS + countsBytes * passes;
  memory.fill(COUNTS, 0, countsBytes * passes);
  for (let at = here, end = here + bytes; at < end; at += 8) {
    let key = load<u32>(at, 4);
    for (let counts = COUNTS; counts < countsEnd; counts += countsBytes) {
      const place = counts + <usize>(key & mask) * 4;
      store<u32>(place, load<u32>(place) + 1);
      key >>= digitBits;
    }
  }
  for (let pass: u32 = 0; pass < passes; pass++) {
    const counts = COUNTS + <usize>pass * countsBytes;
    const shift = pass * digitBits;
    if (load<u32>(counts + <usize>((load<u32>(here, 4) >> shift) & mask) * 4) == count) continue;
    let start = there;
    for (let at = counts, end = counts + countsBytes; at < end; at += 4) {
      const held = load<u32>(at);
      store<u32>(at, <u32>start);
      start += <usize>held * 8;
    }
    for (let at = here, end = here + bytes; at < end; at += 8) {
      const entry = load<u64>(at);
      const place = counts + <usize>((<u32>(entry >> 32) >> shift) & mask) * 4;
      const to = <usize>load<u32>(place);
      store<u64>(to, entry);
      store<u32>(place, <u32>(to + 8));
    }
    const sorted = there;
    there = here;
    here = sorted;
  }
  return here;
}
