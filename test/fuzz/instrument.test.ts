/** Instrumented code gives the same results, counts its blocks, and ends a loop that does not end. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { loadWasm } from '../../src/runtime/wasm.js';
import { Counters, Coverage } from './counters.js';
import { instrument } from './instrument.js';
import { instrumentWasm } from './instrument-wasm.js';

const source = `
export function sign(x) { if (x > 0) return 1; else if (x < 0) return -1; return 0; }
export const pick = (a, b = a ?? 7) => (a ? { a } : b || 'none');
export function sum(list) { let s = 0; for (const x of list) if (x) s += x; do s++; while (s < 0); return s; }
export function kind(x) { switch (typeof x) { case 'string': return 's'; case 'number': default: return 'o'; } }
export function caught(f) { try { return f(); } catch { return 'caught'; } }
export class Box { #v = 1; get v() { return this.#v; } static of = () => new Box(); }
export function forever() { for (;;); }
`;

async function load(text: string) {
  return import(`data:text/javascript,${encodeURIComponent(text)}`);
}

t.test('JavaScript with counters', async (t) => {
  const plain = await load(source);
  const { source: text, next } = instrument(source, 0);
  globalThis.__fuzz = new Counters(next);
  const counted = await load(text);
  const coverage = new Coverage();
  const throws = () => {
    throw new Error();
  };
  const calls: (readonly [string, ...unknown[]])[] = [
    ...[['sign', 1] as const, ['sign', -1] as const, ['sign', 0] as const],
    ...[['pick', 1] as const, ['pick', 0] as const, ['pick', null] as const],
    ...[['sum', [1, 0, 2]] as const, ['kind', ''] as const, ['kind', 1] as const],
    ...[['caught', () => 1] as const, ['caught', throws] as const],
  ];
  for (const [name, ...args] of calls) {
    globalThis.__fuzz.reset();
    t.same(counted[name](...args), plain[name](...args), name);
    t.ok(coverage.add(globalThis.__fuzz), `${name} runs something new`);
  }
  t.equal(counted.Box.of().v, 1);
  coverage.add(globalThis.__fuzz);
  globalThis.__fuzz.reset();
  counted.sign(1);
  t.notOk(coverage.add(globalThis.__fuzz), 'the same again is nothing new');
  t.throws(() => counted.forever(), { name: 'Hang' });
  const { maps } = globalThis.__fuzz;
  t.equal(maps[0].length, Math.ceil(next / 4) * 4);
});

t.test('WebAssembly with counters', async (t) => {
  const url = new URL('../../src/json/codec.wasm', import.meta.url);
  const { bytes, count } = instrumentWasm(readFileSync(url));
  t.ok(count > 100, `${count} blocks`);
  const path = t.testdir({ 'codec.wasm': Buffer.from(bytes) });
  interface Codec {
    memory: { buffer: ArrayBuffer };
    TEXT: { value: number };
    VALUES: { value: number };
    parseSlice(length: number, axesMax: number): void;
  }
  const parse = (file: URL) => {
    const codec = loadWasm<Codec>(file)();
    const length = Buffer.from(codec.memory.buffer).write('1.5,-2,0.25]', codec.TEXT.value);
    codec.parseSlice(length, 1);
    return [...new Float32Array(codec.memory.buffer, codec.VALUES.value, 3)];
  };
  t.same(parse(new URL(`file://${path}/codec.wasm`)), parse(url));
});
