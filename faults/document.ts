/**
 * `npm run test:faults:document`: prints the last results of the full fault tests into docs/operations.md, between the
 * markers that name them. The text around them is written by hand, the figures never are.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { replaceBetween } from '../bench/markers.js';
import { readFaultResult } from './results.js';
import { scenarioNames } from './scenario.js';
import { resultMarkdown } from './tables.js';

/** The build lies in dist/faults, two folders below the project. */
const path = fileURLToPath(new URL('../../docs/operations.md', import.meta.url));

let text = readFileSync(path, 'utf8');
for (const name of scenarioNames) {
  const result = readFaultResult(name);
  if (result) text = replaceBetween(text, name, 'test:faults:document', resultMarkdown(result));
  else console.log(`faults/results/${name}.json is not there: its section stays as it is`);
}
writeFileSync(path, text);
