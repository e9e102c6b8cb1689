/** The tables that the WebAssembly codec multiplies by, against exact integers. */
import t from 'tap';
import { codec } from '../../src/json/codec-instance.js';

const { buffer } = codec.memory;

t.test('powers of ten are exact where they are integers', async (t) => {
  const printing = new Uint32Array(buffer, codec.POWERS_U32.value, 10);
  const parsing = new BigUint64Array(buffer, codec.POWERS_U64.value, 17);
  for (const [exponent, power] of printing.entries()) t.equal(BigInt(power), 10n ** BigInt(exponent));
  for (const [exponent, power] of parsing.entries()) t.equal(power, 10n ** BigInt(exponent));
});

t.test('powers of ten in float64 are the nearest', async (t) => {
  const lowest = codec.LOWEST_POWER_F64.value;
  const count = codec.HIGHEST_POWER_F64.value - lowest + 1;
  for (const [index, power] of new Float64Array(buffer, codec.POWERS_F64.value, count).entries()) {
    t.equal(power, JSON.parse(`1e${lowest + index}`));
  }
});

t.test('the multipliers of Schubfach fill 64 bits, and are the least above 10^k 2^s', async (t) => {
  for (const [index, multiplier] of new BigUint64Array(buffer, codec.POWERS_G.value, 77).entries()) {
    const k = index - 31;
    // 10^k 2^s as a fraction whose integer part has 64 bits.
    let [above, below] = k < 0 ? [1n, 10n ** BigInt(-k)] : [10n ** BigInt(k), 1n];
    while (above / below < 2n ** 63n) above *= 2n;
    while (above / below >= 2n ** 64n) below *= 2n;
    t.ok(multiplier >= 2n ** 63n && multiplier < 2n ** 64n, `10^${k} fills 64 bits`);
    t.ok(multiplier * below >= above && (multiplier - 1n) * below < above, `10^${k} is rounded up`);
  }
});
