/** Instruments folders of the compiled service. Modules that are imported afterwards have counters. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { register } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Bug, planted } from '../support/planted-bug.js';
import { Counters } from './counters.js';
import { instrument } from './instrument.js';
import { instrumentWasm } from './instrument-wasm.js';

const root = fileURLToPath(new URL('../../src/', import.meta.url));
const codecFile = 'json/codec.wasm';

declare global {
  var __fuzz: Counters;
}

export interface Instrumented {
  readonly counters: Counters;
  /** Blocks of JavaScript, and of WebAssembly. */
  readonly blocks: readonly [number, number];
}

function filesOf(path: string): string[] {
  if (statSync(join(root, path)).isFile()) return [path];
  return readdirSync(join(root, path), { recursive: true, encoding: 'utf8' })
    .map((name) => `${path}/${name.replaceAll('\\', '/')}`)
    .filter((name) => name.endsWith('.js'))
    .sort();
}

/**
 * @param paths files and folders below src
 * @param bug a bug to plant
 */
export function instrumentService(paths: readonly string[], bug?: Bug): Instrumented {
  const sources = new Map<string, string>();
  let blocks = 0;
  let wasmBlocks = 0;
  for (const file of new Set([...paths.flatMap(filesOf), ...(bug ? [bug.file] : [])])) {
    const source = planted(readFileSync(join(root, file), 'utf8'), file, bug);
    const instrumented = instrument(source, blocks);
    blocks = instrumented.next;
    let text = instrumented.source;
    if (file === 'json/codec-instance.js') {
      const { url, count } = instrumentCodec();
      wasmBlocks = count;
      text = `${text.replace("new URL('./codec.wasm', import.meta.url)", `new URL('${url}')`)}\n__f.watch(codec.memory.buffer);`;
    }
    sources.set(pathToFileURL(join(root, file)).href, text);
  }
  globalThis.__fuzz = new Counters(blocks);
  register('./loader.js', import.meta.url, { data: sources });
  return { counters: globalThis.__fuzz, blocks: [blocks, wasmBlocks] };
}

/** Writes the instrumented codec to a temporary file, since it is read by path. */
function instrumentCodec(): { url: string; count: number } {
  const { bytes, count } = instrumentWasm(readFileSync(join(root, codecFile)));
  const folder = mkdtempSync(join(tmpdir(), 'gumbel-fuzz-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'codec.wasm');
  writeFileSync(path, bytes);
  return { url: pathToFileURL(path).href, count };
}
