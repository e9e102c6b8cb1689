/** What the runner of the suite makes of a file: its tests that failed, and files that did not come to their end. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type FileRun, onlyFailures, readTap, runSuite } from '../support/suite.js';

const wrong = `TAP version 14
# Subtest: one
    not ok 1 - deeper lines are those of tests # TODO
    ok 2 - right
    1..2
ok 1 - one # time=3ms

not ok 2 - wrong, and said - so # time=3ms
  ---
  at: somewhere
  ...
not ok 3 - also wrong
1..3
# { total: 3, pass: 1, fail: 2 }
# time=300ms
`;

t.test('the tests of a file that failed, and what it printed of them', async (t) => {
  t.same(readTap(wrong), { failed: ['wrong, and said - so', 'also wrong'], assertions: 3, isWhole: true });
  t.equal(
    onlyFailures(wrong),
    `TAP version 14
    not ok 1 - deeper lines are those of tests # TODO
not ok 2 - wrong, and said - so # time=3ms
  ---
  at: somewhere
  ...
not ok 3 - also wrong
# { total: 3, pass: 1, fail: 2 }
# time=300ms`,
  );
  t.match(readTap('TAP version 14\nok 1 - right\n'), { isWhole: false }, 'it was ended');
  t.match(readTap('TAP version 14\n1..0\n# { total: 0, pass: 0 }\n'), { isWhole: false }, 'it has no test');
});

/** The root of the project, from dist/test/project. */
const root = fileURLToPath(new URL('../../../', import.meta.url));

t.test('files that are right, that fail, end too early, never end, or cannot be loaded', async (t) => {
  // In the project, so that they find tap.
  const folder = fileURLToPath(new URL('suite-results-files/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  t.teardown(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string) => {
    writeFileSync(`${folder}${name}.js`, `import t from 'tap';\n${text}`);
    return relative(root, `${folder}${name}.js`);
  };
  const files = [
    write('right', "t.test('one', async (t) => t.equal(process.env.NODE_OPTIONS, undefined));"),
    write('fails', "t.test('two', async (t) => t.equal(1, 2)); t.test('three', async (t) => t.ok(true));"),
    write('exits', "t.test('four', async (t) => { t.ok(true); process.exit(0); });"),
    write('killed', "t.test('five', async () => process.kill(process.pid, 'SIGKILL'));"),
    write('hangs', "t.test('six', () => new Promise(() => setInterval(() => {}, 1000)));"),
    write('broken', 'this is no module'),
    write('none', ''),
  ];
  const seen: string[] = [];
  const runs = await runSuite(files, { jobs: 3, timeoutS: 2 }, ({ file }, ended, count) => {
    seen.push(`${ended} of ${count} ${file}`);
  });
  t.equal(seen.length, files.length);
  t.match(seen.at(-1), /^7 of 7 /);
  const [right, fails, exits, killed, hangs, broken, none] = files.map(
    (file) => runs.find((run) => run.file === file) as FileRun,
  );
  t.match(right, { isRight: true, assertions: 1, failed: [] });
  t.match(fails, { isRight: false, assertions: 2, failed: ['two'], output: /the process ended with code 1/ });
  t.match(exits, { isRight: false });
  t.match(killed, { isRight: false, output: /the process ended with SIGKILL/ });
  t.match(hangs, { isRight: false, failed: ['six'] });
  t.match(broken, { isRight: false, output: /SyntaxError/ });
  t.match(none, { isRight: false });
  await t.rejects(
    runSuite(['dist/test/none.test.js'], {}, () => {}),
    { message: 'There is no dist/test/none.test.js: name built files of dist/test' },
  );
});
