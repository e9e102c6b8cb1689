/** What the scripts that run the whole suite read from its raw TAP. */
import t from 'tap';
import { readTap } from '../support/suite.js';

const text = `TAP version 14
# Subtest: dist/test/right.test.js
    # Subtest: one
        not ok 1 - deeper lines are those of tests # TODO
        1..1
    ok 1 - one # time=3ms
    1..1
ok 1 - dist/test/right.test.js # time=300.1ms

# Subtest: dist/test/wrong.test.js
    ok 1 - right # time=3ms
    not ok 2 - wrong, and said - so # time=3ms
      ---
      at: somewhere
      ...
    not ok 3 - also wrong
    1..3
not ok 2 - dist/test/wrong.test.js # time=300.1ms
  ---
  exitCode: 1
  ...

not ok 3 - dist/test/timeout.test.js {
}

1..3
# failed 2 of 3 tests
`;

t.test('files, and the tests that failed in them', async (t) => {
  const { files, failed } = readTap(text);
  t.equal(files, 3);
  t.same(
    [...failed],
    [
      ['dist/test/wrong.test.js', ['wrong, and said - so', 'also wrong']],
      ['dist/test/timeout.test.js', []],
    ],
  );
});
