/** The inputs that are kept, a file for each target with an input on each line. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Input, inputOf, textOf } from './input.js';
import type { TargetName } from './targets.js';

/** In the sources, not among what the compiler wrote. */
export function corpusFile(target: TargetName): string {
  return fileURLToPath(new URL(`../../../test/fuzz/corpus/${target}.jsonl`, import.meta.url));
}

export function readInputs(file: string): Input[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8').split('\n').filter(Boolean).map(inputOf);
}

export function writeInputs(file: string, inputs: readonly Input[]): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, inputs.map((input) => `${textOf(input)}\n`).join(''));
}
