/**
 * Draws the known rows and their gradients on this processor, writes the soft samples one after another to a file, as
 * float32, and ends with 1 if a sample or a gradient is further from the exact one than it may be. Run by
 * `npm run verify:cpu-features` and `verify:arm64`.
 */
import { writeFileSync } from 'node:fs';
import { drawKnownGradients, drawKnownRows, knownGradientErrorMax, knownRowErrorMax } from './known-rows.js';

const { rows, samples, errorMax } = await drawKnownRows('cpu');
const gradients = await drawKnownGradients();
console.log(`${rows} rows, largest error of a sample or a sum ${errorMax.toExponential(1)}`);
console.log(`  of a gradient times its temperature ${gradients.errorMax.toExponential(1)}`);
const path = process.argv[2];
if (path !== undefined) writeFileSync(path, Buffer.concat(samples.map(({ buffer }) => Buffer.from(buffer))));
if (!(errorMax <= knownRowErrorMax && gradients.errorMax <= knownGradientErrorMax)) process.exitCode = 1;
