/**
 * What the full form of a scenario leaves behind: one JSON file each under faults/results, from which the document is
 * printed.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Run } from '../bench/results.js';
import type { Figures, ScenarioName } from './scenario.js';

export interface FaultResult {
  readonly run: Run;
  readonly title: string;
  /** Checks that held: all of them, or there would be no result. */
  readonly checks: number;
  readonly figures: Figures;
}

/** The build lies in dist/faults, two folders below the project. */
const folder = fileURLToPath(new URL('../../faults/results/', import.meta.url));

export function writeFaultResult(name: ScenarioName, result: FaultResult): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify(result, null, 2)}\n`);
  console.log(`Written to faults/results/${name}.json`);
}

/** The last result of a scenario's full form, or undefined before its first. */
export function readFaultResult(name: ScenarioName): FaultResult | undefined {
  const path = `${folder}${name}.json`;
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}
