/** Seeds: 64 bits, whatever they are written as. */

/** A whole number from 0 to 2^64 - 1; a number up to 2^53 - 1, above which numbers lose digits. */
export type Seed = bigint | number | string;

const seedEnd = 2n ** 64n;

/** @throws {RangeError} for what is no seed */
export function toSeed(seed: Seed): bigint {
  const isWhole =
    typeof seed === 'bigint' ||
    (typeof seed === 'number' && Number.isSafeInteger(seed)) ||
    (typeof seed === 'string' && /^\d{1,20}$/.test(seed));
  const value = isWhole ? BigInt(seed) : -1n;
  if (value >= 0n && value < seedEnd) return value;
  throw new RangeError(
    `seed is ${String(seed)}, and must be a whole number from 0 to 2^64 - 1: a bigint or a string above 2^53 - 1.`,
  );
}

export function randomSeed(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0] as bigint;
}
