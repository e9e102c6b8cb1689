/** What the fault tests check, and in which form. */
import t, { type Test } from 'tap';
import { Checks } from '../../faults/scenario.js';

/** What `act` prints, without printing it. */
function printed(t: Test, act: () => void): string[] {
  const lines: string[] = [];
  t.intercept(console, 'log', { value: (line: string) => lines.push(line) });
  act();
  return lines;
}

t.test('a bound holds up to its value, and the figure is printed either way', async (t) => {
  const checks = new Checks(false);
  const lines = printed(t, () => {
    checks.atMost('growth', 64, 64, ' MiB');
    checks.atMost('growth', 64.06, 64, ' MiB');
    checks.atMost('growth', Number.NaN, 64);
  });
  t.same(lines, [
    '  ok      growth: 64 MiB, at most 64 MiB',
    '  FAILED  growth: 64.06 MiB, at most 64 MiB',
    '  FAILED  growth: NaN, at most 64',
  ]);
  t.equal(checks.passed, 1);
  t.same(checks.failures, ['growth: 64.06 MiB, at most 64 MiB', 'growth: NaN, at most 64']);
});

t.test('a time is a check only where the machine does nothing else', async (t) => {
  const short = new Checks(false);
  const full = new Checks(true);
  const lines = printed(t, () => {
    short.timeAtMost('p99', 1234.5, 20);
    full.timeAtMost('p99', 1234.5, 20);
    full.timeAtMost('p99', 19, 20);
  });
  t.same(lines, [
    '  found   p99: 1,235 ms',
    '  FAILED  p99: 1,235 ms, at most 20 ms',
    '  ok      p99: 19 ms, at most 20 ms',
  ]);
  t.same([short.passed, short.failures], [0, []]);
  t.same([full.passed, full.failures], [1, ['p99: 1,235 ms, at most 20 ms']]);
});
