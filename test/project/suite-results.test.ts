/** What the runner of the suite makes of a file: its tests that failed, and files that did not come to their end. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { type FileRun, onlyFailures, readNotes, readTap, runSuite } from '../support/suite.js';

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

const nothing = {
  file: '',
  isRight: false,
  assertions: 0,
  skipped: 0,
  seconds: 0,
  failed: [],
  notes: [],
  failures: '',
};

t.test('the tests of a file that failed, and what it printed of them', async (t) => {
  const failed = ['wrong, and said - so', 'also wrong'];
  t.same(readTap(wrong), { failed, assertions: 3, skipped: 0, isWhole: true });
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
  const ended = { failed: [], assertions: 0, skipped: 0, isWhole: false };
  t.same(readTap('TAP version 14\nok 1 - right\n'), ended, 'it was ended');
  t.same(readTap('TAP version 14\n1..0\n# { total: 0, pass: 0 }\n'), ended, 'it has no test');
  const skips = readTap('ok 1 - one # SKIP no program\n1..1\n# { total: 12, pass: 10, skip: 2 }\n');
  t.same(skips, { failed: [], assertions: 12, skipped: 2, isWhole: true });
});

t.test('what tests of a file have noted, and which were skipped', async (t) => {
  const noted = `TAP version 14
# Subtest: one
    # 12 requests, the slowest took 3 ms
    ok 1 - right # time=3ms
    ok 2 - left out # SKIP there is no program
    1..2
ok 1 - one # time=3ms

# NOT RUN: install a program
ok 2 - two # SKIP
ok 3 - the # in a name # time=3ms
1..3
# { total: 3, pass: 2, skip: 1 }
# time=300ms
`;
  const notes = [
    '# 12 requests, the slowest took 3 ms',
    'ok 2 - left out # SKIP there is no program',
    '# NOT RUN: install a program',
    'ok 2 - two # SKIP',
  ];
  t.same(readNotes(noted), notes);
  const [file] = writeFiles(t, {
    notes: "t.comment('a figure'); t.test('one', async (t) => { t.comment('lines\\nof two'); t.skip('no program'); });",
  });
  const printed: string[] = [];
  const run = await runSuite([file as string], {}, (text) => printed.push(text));
  t.equal(run.wrong.length, 0);
  t.match(printed[0], /^ok 1 of 1 /);
  t.same(printed.slice(1), ['  # a figure', '  # lines', '  # of two', '  ok 1 - no program # SKIP']);
});

/** The root of the project, from dist/test/project. */
const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Writes files of tests, by name, below dist, so that they find tap. */
function writeFiles(t: Test, files: Readonly<Record<string, string>>): string[] {
  const folder = mkdtempSync(fileURLToPath(new URL('suite-results-', import.meta.url)));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return Object.entries(files).map(([name, text]) => {
    const path = join(folder, `${name}.js`);
    writeFileSync(path, `import t from 'tap';\n${text}`);
    return relative(root, path);
  });
}

t.test('files that are right, that fail, end too early, or cannot be loaded', async (t) => {
  const files = writeFiles(t, {
    right: `t.test('one', async (t) => t.equal(String(process.env.NODE_OPTIONS), '${process.env.NODE_OPTIONS}'));`,
    fails: "t.test('two', async (t) => t.equal(1, 2)); t.test('three', async (t) => t.ok(true));",
    exits: "t.test('four', async (t) => { t.ok(true); process.exit(0); });",
    killed: "t.test('five', async () => process.kill(process.pid, 'SIGKILL'));",
    broken: 'this is no module',
    none: '',
    leaves: `import { spawn } from 'node:child_process';
      t.test('six', async (t) => {
        spawn('sleep', ['100'], { stdio: 'inherit' }).unref();
        t.ok(true);
      });`,
  });
  const printed: string[] = [];
  const run = await runSuite(files, { jobs: 3 }, (text) => printed.push(text));
  const [right, fails, exits, killed, broken, none, leaves] = files.map(
    (file) => run.files.find((each) => each.file === file) as FileRun,
  );
  t.same(run.wrong.map(({ file }) => file).sort(), files.slice(1).sort());
  t.equal(printed.length, 7 + 6, 'a line for each file, and what failed');
  t.match(printed.join('\n'), /^not ok 7 of 7 /m);
  t.same({ ...right, seconds: 0, file: '' }, { ...nothing, assertions: 1, isRight: true });
  t.same(fails.failed, ['two']);
  t.equal(fails.assertions, 2);
  t.match(fails.failures, /expected.*# the process ended with code 1$/s);
  t.match(exits.failures, /test unfinished.*test: four/s);
  t.match(killed.failures, /# the process ended with SIGKILL\n# its last lines:\nTAP version 14$/);
  t.match(broken.failures, /SyntaxError/);
  t.match(none.failures, /# the process ended with code \d/);
  t.match(leaves.failures, /# the process ended with code 0\n# something that it has started still runs$/);
});

t.test('a file that never ends says at its limit of time what it waits for', async (t) => {
  const files = writeFiles(t, { hangs: "t.test('seven', () => new Promise(() => setInterval(() => {}, 1000)));" });
  const { wrong } = await runSuite(files, { timeoutS: 3 }, () => {});
  t.equal(wrong.length, 1);
  t.match(wrong[0]?.failures, /not ok 1 - seven/);
});

t.test('files that are missing, and a Node.js that is', async (t) => {
  const silent = () => {};
  await t.rejects(runSuite(['dist/test/none.test.js'], {}, silent), {
    message: 'There is no dist/test/none.test.js: name built files of dist/test',
  });
  const { wrong } = await runSuite(['dist/test/config.test.js'], { node: '/no/node' }, silent);
  t.match(wrong[0]?.failures, /ENOENT/);
});
