// The draws of a call: which stream and sample each has. kernel.ts and search.ts go through them.

import { setCall, setStage, word } from './philox';
import { rareUniform } from './gumbel';

/** A word below this is rare: once in 256. Its value takes the low bits from a second word. */
export const RARE_BELOW: u32 = 1 << 24;

let streams: usize = 0;
let streamsEnd: usize = 0;
let rowCount: u32 = 1;
let firstSample: u32 = 0;

/** Stage of the second word of a rare value. */
let rareStage: u32 = 1;

/** The stream (seed and row number) and the sample of the draw set last. */
let stream: usize = 0;
let sample: u32 = 0;

/**
 * Sets the draws 0, 1, ... of the calls that follow. Draw d is of the row d % rowCount, whose seed and row number are
 * the three words at streams + 12 (d % rowCount), and of the sample firstSample + d / rowCount. Words have the given
 * stage, and second words the stage after it.
 */
export function setDraws(newStreams: usize, newRowCount: u32, newFirstSample: u32, stage: u32): void {
  streams = newStreams;
  streamsEnd = newStreams + <usize>newRowCount * 12;
  rowCount = newRowCount;
  firstSample = newFirstSample;
  rareStage = stage + 1;
  setStage(stage);
}

/** Sets the stream and sample of one draw, for the words that follow. */
export function setDraw(draw: u32): void {
  stream = streams + <usize>(draw % rowCount) * 12;
  sample = firstSample + draw / rowCount;
  setStream();
}

/** The same for the draw after the one set last, without a division. Returns whether it is of the first row. */
export function setNextDraw(): bool {
  stream += 12;
  const wraps = stream == streamsEnd;
  if (wraps) {
    stream = streams;
    sample++;
  }
  setStream();
  return wraps;
}

@inline
function setStream(): void {
  setCall(load<u32>(stream, 8), sample, load<u32>(stream), load<u32>(stream, 4));
}

/** Bit j is set where word j of the group is rare. */
export function rareMask(from: usize): u32 {
  let mask: u32 = 0;
  for (let j: u32 = 0; j < 16; j += 4) {
    mask |= <u32>i32x4.bitmask(i32x4.lt_u(v128.load(from + <usize>j * 4), i32x4.splat(RARE_BELOW))) << j;
  }
  return mask;
}

/** v of the rare word b of a category of the draw set last. */
@inline
export function rareValue(b: u32, category: u32): f32 {
  return rareUniform(b, word(category, rareStage));
}
