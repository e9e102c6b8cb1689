/**
 * Draws the known rows on this processor, writes the soft samples one after another to a file, as float32, and ends with 1 if one is
 * further from the exact one than it may be. Run by `npm run verify:cpu-features`.
 */
import { writeFileSync } from 'node:fs';
import { drawKnownRows, knownRowErrorMax } from './known-rows.js';

const { rows, samples, errorMax } = await drawKnownRows('cpu');
console.log(`${rows} rows, largest error of a sample or a sum ${errorMax.toExponential(1)}`);
const path = process.argv[2];
if (path !== undefined) writeFileSync(path, Buffer.concat(samples.map(({ buffer }) => Buffer.from(buffer))));
if (!(errorMax <= knownRowErrorMax)) process.exitCode = 1;
