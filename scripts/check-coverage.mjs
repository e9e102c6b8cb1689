/**
 * `npm run coverage`: prints how much of each folder of src the tests run, and compares it with coverage-floors.json.
 * In the folders that the floors call complete, each branch that no test runs must be in coverage-gaps.json, with the
 * reason. With --write it writes the floors anew. Reads the report of c8, which has compiled files.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const inRoot = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const readJson = (path) => JSON.parse(readFileSync(inRoot(path), 'utf8'));

const report = readJson('coverage/coverage-final.json');
const floors = readJson('coverage-floors.json');
const gaps = readJson('coverage-gaps.json');

/** In hundredths of a percent, rounded down, so that a floor is never above what was measured. */
const percent = ({ covered, total }) => (total === 0 ? 100 : Math.floor((10_000 * covered) / total) / 100);

/** Lines and branches by folder, and the branches that did not run. */
function measure() {
  const folders = new Map();
  const missed = [];
  for (const [path, { s, b, branchMap }] of Object.entries(report)) {
    const file = relative(inRoot('dist/src'), path).replaceAll('\\', '/');
    const folder = dirname(file);
    if (!folders.has(folder)) {
      folders.set(folder, { lines: { covered: 0, total: 0 }, branches: { covered: 0, total: 0 } });
    }
    const { lines, branches } = folders.get(folder);
    // c8 makes a statement of each line.
    for (const count of Object.values(s)) add(lines, count);
    for (const [id, counts] of Object.entries(b)) {
      for (const [index, count] of counts.entries()) {
        add(branches, count);
        if (count === 0) missed.push({ folder, file, line: branchMap[id].locations[index].start.line });
      }
    }
  }
  return { folders, missed };
}

function add(sum, count) {
  sum.total += 1;
  if (count > 0) sum.covered += 1;
}

/** The code of a branch: the line on which it begins. */
function codeAt({ file, line }) {
  return readFileSync(inRoot(`dist/src/${file}`), 'utf8')
    .split('\n')
    [line - 1].trim();
}

const { folders, missed } = measure();
const sorted = [...folders].sort(([a], [b]) => (a < b ? -1 : 1));
if (process.argv.includes('--write')) {
  for (const [folder, { lines, branches }] of sorted) {
    floors.folders[folder] = { lines: percent(lines), branches: percent(branches) };
  }
  writeFileSync(inRoot('coverage-floors.json'), `${JSON.stringify(floors, null, 2)}\n`);
}

const faults = [];
console.log('folder of src                 lines %  branches %');
for (const [folder, { lines, branches }] of sorted) {
  const measured = { lines: percent(lines), branches: percent(branches) };
  const cells = [measured.lines, measured.branches].map((value) => value.toFixed(2).padStart(8));
  console.log(`${folder.padEnd(28)} ${cells.join('    ')}`);
  const floor = floors.folders[folder] ?? floors.others;
  for (const kind of ['lines', 'branches']) {
    if (measured[kind] < floor[kind]) faults.push(`${folder}: ${measured[kind]} % of ${kind}, below ${floor[kind]} %`);
  }
}
for (const gap of missed.filter(({ folder }) => floors.complete.includes(folder))) {
  const code = codeAt(gap);
  if (gaps.some((known) => known.file === gap.file && known.code === code)) continue;
  faults.push(
    `src/${gap.file}, compiled line ${gap.line}: no test runs this branch, and coverage-gaps.json has no reason: ${code}`,
  );
}
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
