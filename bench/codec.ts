/**
 * Nanoseconds a number costs to parse and to print, against JSON.parse and JSON.stringify in the same process, as a
 * Markdown table. Every figure is the least of many rounds, since other work on the machine only ever adds to it.
 */
import { BodyFields } from '../src/json/body-fields.js';
import { parseBodySync } from '../src/json/parse-body.js';
import { printFloats } from '../src/json/print-matrix.js';

const rounds = 30;
const numbersPerRound = 64_000;
const fields = new BodyFields({ logits: { holds: 'numbers', axesMax: 2 } });

type Spell = (value: number) => string;

/** The texts clients send: float32 as the service prints it, float64 as Python does, and what people type. */
const spellings: Record<string, Spell> = {
  'float32, shortest': (value) => printFloats(Float32Array.of(value), []),
  'float64, 17 digits': (value) => String(value),
  'short decimals': (value) => String(Math.round(value * 4) / 4),
};

function leastNanoseconds(numbers: number, work: () => unknown): number {
  const repeats = Math.ceil(numbersPerRound / numbers);
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = process.hrtime.bigint();
    for (let repeat = 0; repeat < repeats; repeat++) work();
    least = Math.min(least, Number(process.hrtime.bigint() - start) / repeats / numbers);
  }
  return least;
}

function measure(name: string, spell: Spell, numbers: number): string {
  const rows = numbers === 10 ? 1 : 64;
  const values = Array.from({ length: numbers }, () => (Math.random() - 0.5) * 8);
  const floats = Float32Array.from(values, (value) => Number(spell(value)));
  const columns = numbers / rows;
  const row = (index: number) =>
    `[${values
      .slice(index * columns, (index + 1) * columns)
      .map(spell)
      .join(', ')}]`;
  const matrix = rows === 1 ? row(0) : `[${Array.from({ length: rows }, (_, index) => row(index)).join(', ')}]`;
  const body = Buffer.from(`{"logits": ${matrix}, "temperature": 0.5, "hard": true, "seed": 42}`);
  const parsed = JSON.parse(matrix);
  const cells = [
    leastNanoseconds(numbers, () => parseBodySync(body, fields)),
    leastNanoseconds(numbers, () => JSON.parse(body.toString())),
    leastNanoseconds(numbers, () => printFloats(floats, rows === 1 ? [columns] : [rows, columns])),
    leastNanoseconds(numbers, () => JSON.stringify(parsed)),
  ];
  return `| ${name} | ${numbers} | ${cells.map((cell) => cell.toFixed(1)).join(' | ')} |`;
}

console.log('| numbers | count | parseBody | JSON.parse | printFloats | JSON.stringify |');
console.log('|---|---:|---:|---:|---:|---:|');
for (const [name, spell] of Object.entries(spellings)) {
  for (const numbers of [10, 640, 64_000]) console.log(measure(name, spell, numbers));
}
